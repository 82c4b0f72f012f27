import type { ApiClient } from './client.ts'
import { ApiError, isAlreadyExists, isConflict, isNotFound } from './errors.ts'
import { type EventRecord, type EventSource, eventNamespace, eventObject, eventPatch } from './event-object.ts'
import { resourcePath } from './paths.ts'
import type { KubeObject } from './types.ts'

/** How several processes tell one thing by one Event. */
export interface Sharing {
  /** An Event that was last told longer ago, by whomever, is counted up; a younger one is left as it is. */
  olderThanMs: number
  /** Nobody in particular tells it: it names no instance. */
  anybody: boolean
}

interface FoundEvent extends KubeObject {
  count?: number
  lastTimestamp?: string
}

type EventsClient = Pick<ApiClient, 'get' | 'create' | 'patch'>

/**
 * Sees to it that the Event is there and was told not long ago. Of many that do so at once one writes, the others find that it has. Whether this one wrote.
 * @throws ApiError
 */
export async function writeShared(
  client: EventsClient,
  record: EventRecord,
  { sharing, source, nowMs }: { sharing: Sharing; source: EventSource; nowMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const namespace = eventNamespace(record.object)
  const path = resourcePath({ version: 'v1', resource: 'events', namespace, name: record.name })
  const found = await findEvent(client, path, signal)
  if (found === undefined) {
    const event = eventObject({ ...record, count: 1, firstMs: nowMs, lastMs: nowMs }, teller(source, sharing))
    const events = resourcePath({ version: 'v1', resource: 'events', namespace })
    return unlessAnother(isAlreadyExists, client.create(events, event, { signal }))
  }
  // A time that cannot be read counts as long ago.
  if (nowMs - Date.parse(found.lastTimestamp ?? '') <= sharing.olderThanMs) return false
  const { resourceVersion } = found.metadata
  const patch = eventPatch({ ...record, count: (found.count ?? 1) + 1, lastMs: nowMs })
  const onlyThis = { ...patch, metadata: { resourceVersion } }
  return unlessAnother(isTakenOver, client.patch(path, onlyThis, 'merge', undefined, { signal }))
}

const teller = (source: EventSource, { anybody }: Sharing): EventSource =>
  anybody ? { ...source, instance: '' } : source

/** Who may write Events but not read them creates; that it is there already is as good. */
async function findEvent(client: EventsClient, path: string, signal: AbortSignal): Promise<FoundEvent | undefined> {
  try {
    return await client.get<FoundEvent>(path, undefined, { signal })
  } catch (error) {
    if (isNotFound(error) || (error instanceof ApiError && error.status === 403)) return undefined
    throw error
  }
}

/** Another has counted it up, or the API has forgotten it just now: the next telling makes it anew. */
const isTakenOver = (error: unknown): boolean => isConflict(error) || isNotFound(error)

async function unlessAnother(was: (error: unknown) => boolean, writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if (was(error)) return false
    throw error
  }
}
