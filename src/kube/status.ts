import type { ApiClient, CallOptions } from './client.ts'
import { mergePatchOf } from './merge-patch.ts'
import { type ResourceRef, resourcePath } from './paths.ts'
import type { KubeObject } from './types.ts'

export { type ConflictRetryOptions, retryOnConflict } from './conflict.ts'

export interface StatusPatchOptions extends CallOptions {
  /** Fail with a conflict if the object has changed since `known` was read: for statuses that more than one writes (lists are replaced whole). */
  onlyIfUnchanged?: boolean
}

/**
 * Makes the status of an object, known as it was read, the given one: a merge patch of what differs, on the status subresource. Writes nothing and
 * returns undefined if nothing differs. The patch names the object's uid, so that it never reaches one that was deleted and made anew meanwhile.
 *
 * @throws ApiError, see `isNotFound`, `isRecreated` and (with `onlyIfUnchanged`) `isConflict`; WeftError as all calls of `ApiClient`
 */
export async function patchStatus<T extends KubeObject>(
  client: Pick<ApiClient, 'patch'>,
  ref: ResourceRef,
  known: T & { status?: unknown },
  status: unknown,
  options: StatusPatchOptions = {},
): Promise<T | undefined> {
  const patch = mergePatchOf(known.status, status)
  if (!patch) return undefined
  const { uid, resourceVersion } = known.metadata
  const metadata = { ...(uid && { uid }), ...(options.onlyIfUnchanged && resourceVersion && { resourceVersion }) }
  const path = resourcePath({ ...ref, subresource: 'status' })
  return client.patch<T>(path, { metadata, status: patch }, 'merge', undefined, options)
}
