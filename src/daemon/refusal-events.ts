import type { ApiClient } from '../kube/client.ts'
import { ApiError, isNotFound } from '../kube/errors.ts'
import type { EventRecorder, ObjectReference } from '../kube/events.ts'
import { resourcePath } from '../kube/paths.ts'
import type { ReflectorTimers } from '../kube/timers.ts'
import type { KubeObject } from '../kube/types.ts'
import type { Refusal } from '../reconcile/types.ts'
import { diffRefusals, type ObjectOf, type RefusalNews, type RefusedObject } from './refusals.ts'

export interface RefusalEventsOptions {
  client: Pick<ApiClient, 'get'>
  recorder: Pick<EventRecorder, 'warning'>
  objectOf: ObjectOf
  /** Put behind each message, e.g. ` (node n1)`, where several processes tell of one object. */
  suffix: string
  /** All refusals there are now. Walks every claim: asked for once a round. */
  refusals: () => readonly Refusal[]
  timers: ReflectorTimers
}

const ROUND_MILLISECONDS = 5_000

/**
 * Tells each refusal once, as a Warning Event on the object that asked for what it does not get. Looks every few seconds, beside the data path;
 * what cannot be told now (the API is away) is told later. Resolves when the signal aborts; never rejects.
 */
export async function tellRefusals(options: RefusalEventsOptions, signal: AbortSignal): Promise<void> {
  const told = new Set<string>()
  while (!signal.aborted) {
    await tellOnce(options, told, signal)
    await options.timers.sleep(ROUND_MILLISECONDS, signal)
  }
}

async function tellOnce(options: RefusalEventsOptions, told: Set<string>, signal: AbortSignal): Promise<void> {
  const { fresh, now } = diffRefusals(told, options.refusals(), options.objectOf)
  for (const key of told) if (!now.has(key)) told.delete(key)
  for (const news of fresh) {
    if (!(await tell(options, news, signal))) return
    told.add(news.key)
  }
}

/** False if the API does not answer, so that it makes no sense to go on now. An object that is gone needs no more words. */
async function tell(options: RefusalEventsOptions, news: RefusalNews, signal: AbortSignal): Promise<boolean> {
  try {
    const object = await referenceTo(options.client, news.object, signal)
    options.recorder.warning(object, news.reason, `${news.message}${options.suffix}`)
    return true
  } catch (error) {
    return isNotFound(error)
  }
}

/** Whoever may list an object but not read it can still tell of it, by name only. */
async function referenceTo(
  client: Pick<ApiClient, 'get'>,
  { kind, namespace, name }: RefusedObject,
  signal: AbortSignal,
): Promise<ObjectReference> {
  const byName = { apiVersion: 'v1', kind, name, ...(namespace && { namespace }) }
  const path = resourcePath({ version: 'v1', resource: kind === 'Node' ? 'nodes' : 'services', namespace, name })
  try {
    const { metadata } = await client.get<KubeObject>(path, undefined, { signal })
    const { uid, resourceVersion } = metadata
    return { ...byName, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) }
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return byName
    throw error
  }
}
