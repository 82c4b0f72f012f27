import type { ApiClient, CallOptions } from './client.ts'
import { type ApiError, isConflict } from './errors.ts'
import { type ResourceRef, resourcePath } from './paths.ts'
import type { KubeObject } from './types.ts'

export interface ApplyOptions extends CallOptions {
  /** Who owns the fields that are given; each writer of an object has a name of its own, e.g. `weft-servicelb`. */
  fieldManager: string
  /** Take fields from managers that own them; true when absent, as the API conventions ask of controllers. */
  force?: boolean
  dryRun?: boolean
}

/** A field that another manager owns and that was to become something else. */
export interface ApplyConflict {
  /** E.g. `.spec.replicas`. */
  field: string
  /** The server's words, which name the manager. */
  message: string
}

/**
 * Server-side apply: makes the object, or makes the fields that are given what they are given as; fields that this manager gave before and gives no more
 * are removed. `object` needs apiVersion and kind; `ref` names the resource and the subresource, if one is meant.
 *
 * @throws ApiError: a conflict (`applyConflicts` tells the fields) if not forced
 */
export function applyObject<T extends KubeObject>(
  client: Pick<ApiClient, 'patch'>,
  ref: ResourceRef & { name: string },
  object: T,
  options: ApplyOptions,
): Promise<T> {
  const { fieldManager, force = true, dryRun = false, ...call } = options
  // The API refuses an apply that carries managedFields.
  const { managedFields: _, ...metadata } = { managedFields: undefined, ...object.metadata }
  const query = { fieldManager, force, ...(dryRun && { dryRun: 'All' }) }
  return client.patch<T>(resourcePath(ref), { ...object, metadata }, 'apply', query, call)
}

/** What an apply that was not forced would have taken from others; empty for any other error. */
export function applyConflicts(error: unknown): ApplyConflict[] {
  if (!isConflict(error)) return []
  const causes = (error as ApiError).details?.causes ?? []
  return causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ field = '', message = '' }) => ({ field, message }))
}
