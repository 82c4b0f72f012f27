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
  recorder: Pick<EventRecorder, 'sharedWarning'>
  objectOf: ObjectOf
  /** Put behind the message of what is refused here and perhaps nowhere else, e.g. ` (node n1)`, where several processes tell of one object. */
  suffix: string
  /** All refusals there are now. Walks every claim: asked for once a round. */
  refusals: () => readonly Refusal[]
  timers: ReflectorTimers
}

const ROUND_MILLISECONDS = 5_000
const MINUTE = 60_000
/** An API server keeps an Event for an hour after it was last written (kube-apiserver --event-ttl): what is still refused is told again before that. */
const AGAIN_AFTER = { least: 30 * MINUTE, spread: 20 * MINUTE }
/**
 * How long ago somebody must have told it last for us to count it up. News: a little, since the others who have it at the same moment, and whoever was just started anew, bring nothing
 * new. Told again: so long that of all the nodes' rounds one in half an hour writes, and so short that the Event stays.
 */
const NEWS_AFTER = 5 * MINUTE
const STILL_AFTER = 25 * MINUTE

/**
 * Tells each refusal as a Warning Event on the object that asked for what it does not get, and again while it lasts. What follows from objects alone is one Event, whichever node
 * tells it first. Looks every few seconds, beside the data path; what cannot be told now (the API is away) is told later. Resolves when the signal aborts; never rejects.
 */
export async function tellRefusals(options: RefusalEventsOptions, signal: AbortSignal): Promise<void> {
  /** When to tell again, by key. */
  const told = new Map<string, number>()
  const { timers } = options
  while (!signal.aborted) {
    await tellOnce(options, told, signal)
    // Not all nodes at one moment.
    await timers.sleep(ROUND_MILLISECONDS * (0.5 + timers.random() / 2), signal)
  }
}

async function tellOnce(options: RefusalEventsOptions, told: Map<string, number>, signal: AbortSignal): Promise<void> {
  const { fresh, now } = diffRefusals(told, options.refusals(), options.objectOf)
  for (const key of told.keys()) if (!now.has(key)) told.delete(key)
  const { timers } = options
  const nowMs = timers.now()
  const still = [...now.values()].filter(({ key }) => (told.get(key) ?? Infinity) <= nowMs)
  for (const [news, olderThanMs] of [...fresh.map(after(NEWS_AFTER)), ...still.map(after(STILL_AFTER))]) {
    if (!(await tell(options, news, olderThanMs, signal))) return
    told.set(news.key, nowMs + AGAIN_AFTER.least + timers.random() * AGAIN_AFTER.spread)
  }
}

const after =
  (olderThanMs: number) =>
  (news: RefusalNews): [RefusalNews, number] => [news, olderThanMs]

/** False if the API does not answer, so that it makes no sense to go on now. An object that is gone needs no more words. */
async function tell(
  { client, recorder, suffix }: RefusalEventsOptions,
  { object, reason, message, clusterWide }: RefusalNews,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const reference = await referenceTo(client, object, signal)
    const words = clusterWide ? message : `${message}${suffix}`
    recorder.sharedWarning(reference, reason, words, { olderThanMs, anybody: clusterWide })
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
