import { createHash } from 'node:crypto'
import { apiTime } from './times.ts'
import type { KubeObject } from './types.ts'

/** The object that an Event is about. core/v1 ObjectReference. */
export interface ObjectReference {
  apiVersion: string
  kind: string
  namespace?: string
  name: string
  uid?: string
  resourceVersion?: string
}

/** Who reports: `source` and the reporting fields of an Event. */
export interface EventSource {
  /** Program, e.g. `weft`. */
  component: string
  /** Node that the program runs on; empty where it does not matter which. */
  instance: string
}

export interface Occurrence {
  object: ObjectReference
  type: 'Normal' | 'Warning'
  /** CamelCase; machines match on it. */
  reason: string
  /** For people; cut at 1,024 bytes, the limit of events.k8s.io/v1. */
  message: string
}

/** An Event as it is to be written. */
export interface EventRecord extends Occurrence {
  name: string
  count: number
  firstMs: number
  lastMs: number
}

/** What validation takes of an events.k8s.io/v1 note (1 KiB), and of a name (DNS subdomain). */
const LONGEST_MESSAGE_BYTES = 1024
const LONGEST_NAME = 253

/** Namespace that an object's Events live in: its own, `default` for what has none. */
export const eventNamespace = (object: ObjectReference): string => object.namespace || 'default'

/** A name for an Event, as client-go makes it: that of the object and a number in hex, which is the time in nanoseconds. */
export const eventName = (object: ObjectReference, nanoseconds: bigint): string =>
  nameWith(object, nanoseconds.toString(16))

/** The name of an Event that several processes tell: the same for whoever tells the same of the same object. */
export function sharedEventName({ object, type, reason, message }: Occurrence, component: string): string {
  const { apiVersion, kind, namespace = '', name, uid = '' } = object
  const words = [component, apiVersion, kind, namespace, name, uid, type, reason, message]
  return nameWith(object, createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 16))
}

function nameWith(object: ObjectReference, end: string): string {
  const suffix = `.${end}`
  return object.name.slice(0, LONGEST_NAME - suffix.length).replace(/[^a-z0-9]+$/, '') + suffix
}

/** Cut so that no character is torn apart. */
export function cutMessage(message: string): string {
  const bytes = Buffer.from(message)
  if (bytes.length <= LONGEST_MESSAGE_BYTES) return message
  return `${bytes
    .subarray(0, LONGEST_MESSAGE_BYTES - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`
}

/** The whole core/v1 Event. */
export function eventObject(record: EventRecord, source: EventSource): KubeObject & Record<string, unknown> {
  const { object, type, reason, message } = record
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: record.name, namespace: eventNamespace(object) },
    involvedObject: object,
    type,
    reason,
    message,
    source: { component: source.component, ...(source.instance && { host: source.instance }) },
    firstTimestamp: apiTime(record.firstMs),
    lastTimestamp: apiTime(record.lastMs),
    count: record.count,
    reportingComponent: source.component,
    reportingInstance: source.instance,
  }
}

/** Brings an Event that was written up to date. */
export const eventPatch = ({ count, lastMs }: EventRecord): object => ({ count, lastTimestamp: apiTime(lastMs) })
