import { isMap, type Json, mapOf } from '../access.ts'
import type { Kind } from '../kind.ts'
import { apiVersionOf } from '../kinds.ts'
import type { KubeObject } from '../types.ts'
import { compare } from './compare.ts'
import { difference, type FieldTree, isEmpty, leaf, union } from './field-set.ts'
import {
  entryOf,
  givenEntries,
  isSameWriter,
  type ManagedFieldsEntry,
  orderedEntries,
  type Writer,
  withoutSet,
  withoutUnowned,
} from './managed-fields.ts'
import { schemaOf } from './schema.ts'

/**
 * Structs that Go writes even when nobody set them: they are there in an object of which nothing is, so that whoever creates it does not own
 * them as such.
 */
const alwaysThere: Readonly<Record<string, FieldNames>> = {
  metadata: {},
  spec: {
    strategy: {},
    updateStrategy: {},
    containers: {},
    template: { metadata: {}, spec: { containers: {} } },
    jobTemplate: { metadata: {}, spec: { template: { metadata: {}, spec: { containers: {} } } } },
    podSelector: {},
  },
  status: { loadBalancer: {}, daemonEndpoints: { kubeletEndpoint: {} }, nodeInfo: {} },
  source: {},
  involvedObject: {},
  roleRef: {},
}

interface FieldNames {
  [field: string]: FieldNames
}

function zeroOf(object: Json, names: FieldNames): Json {
  const zero: Json = {}
  for (const [name, below] of Object.entries(names)) {
    const value: unknown = object[name]
    if (Array.isArray(value)) zero[name] = []
    else if (isMap(value)) zero[name] = zeroOf(value, below)
  }
  return zero
}

/** What the store knows of a write. */
export interface Tracked {
  writer?: { manager: string; subresource?: string | undefined }
  /** Of an apply: what it came to. */
  managedFields?: readonly ManagedFieldsEntry[]
  fromClient?: boolean
}

/** The controllers beside the store, as a real cluster names them. */
const controllers = 'kube-controller-manager'

const writerOf = (kind: Kind, { writer = { manager: controllers } }: Tracked): Writer => ({
  ...writer,
  operation: 'Update',
  apiVersion: apiVersionOf(kind),
})

/** Writes into a new object who owns its fields. */
export function ownNew(kind: Kind, object: KubeObject, options: Tracked, time: string): void {
  const entries = options.managedFields ?? trackCreate(kind, object, writerOf(kind, options), time)
  if (entries !== undefined) object.metadata.managedFields = entries
}

/**
 * Writes into a changed object who owns its fields now. `given`: the managedFields that came with it. Of an object that nobody owns
 * anything of, nobody will.
 */
export function ownChanged(
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  given: unknown,
  options: Tracked,
  time: string,
): void {
  const entries = options.managedFields ?? changedEntries(kind, object, old, given, options, time)
  if (entries === undefined || entries.length === 0) delete object.metadata.managedFields
  else object.metadata.managedFields = entries
}

function changedEntries(
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  given: unknown,
  options: Tracked,
  time: string,
): readonly ManagedFieldsEntry[] | undefined {
  const before = old.metadata.managedFields
  const sent = options.fromClient === true && given !== before ? givenEntries(given) : undefined
  const entries = sent ?? before
  if (entries === undefined || entries.length === 0) return entries
  return trackUpdate(kind, old, object, entries, writerOf(kind, options), time)
}

/** managedFields of a new object: its creator owns what it sent and what was filled in for it. */
function trackCreate(kind: Kind, object: Json, writer: Writer, time: string): ManagedFieldsEntry[] | undefined {
  const schema = schemaOf(kind)
  if (schema === undefined) return undefined
  const zero = kind.custom === undefined ? zeroOf(object, alwaysThere) : {}
  const { changed } = compare(zero, object, schema)
  const { 'f:status': _status, ...owned } = changed
  const fields = withoutUnowned(kind.statusSubresource ? owned : changed)
  return isEmpty(fields) ? undefined : [entryOf(writer, fields, time)]
}

/** managedFields after an update: its writer owns what it changed, whoever did before. The same list if nobody's fields changed. */
function trackUpdate(
  kind: Kind,
  before: Json,
  after: Json,
  entries: readonly ManagedFieldsEntry[],
  writer: Writer,
  time: string,
): readonly ManagedFieldsEntry[] {
  const schema = schemaOf(kind)
  if (schema === undefined) return entries
  const differing = compare(withoutEntries(before), withoutEntries(after), schema)
  const changed = withoutUnowned(differing.changed)
  const removed = withoutUnowned(differing.removed)
  if (isEmpty(changed) && isEmpty(removed)) return entries
  return moveFields(entries, writer, changed, removed, time)
}

function moveFields(
  entries: readonly ManagedFieldsEntry[],
  writer: Writer,
  changed: FieldTree,
  removed: FieldTree,
  time: string,
): ManagedFieldsEntry[] {
  const own = entries.find((entry) => isSameWriter(entry, writer))
  const lost = union(changed, removed)
  const others = entries.filter((entry) => entry !== own).map((entry) => withoutSet(entry, lost))
  const fields = union(difference(own?.fieldsV1 ?? leaf, removed), changed)
  const mine = entryOf(writer, fields, time)
  const same = own !== undefined && own.fieldsV1 === mine.fieldsV1
  return orderedEntries(capped([...others, same ? own : mine]))
}

/** kube-apiserver keeps so many managers that update, and takes the oldest of one version together. */
const maxUpdaters = 10
const ancient = 'ancient-changes'

function capped(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updaters = orderedEntries(entries).filter(({ operation }) => operation === 'Update')
  if (updaters.length <= maxUpdaters) return entries
  const [oldest, ...rest] = updaters
  const merged = updaters
    .filter(({ apiVersion }) => apiVersion === oldest?.apiVersion)
    .slice(0, updaters.length - maxUpdaters + 1)
  const last = merged.at(-1)
  if (last === undefined || rest.length === 0 || merged.length < 2) return entries
  const fields = merged.map(({ fieldsV1 }) => fieldsV1).reduce(union, leaf)
  const { subresource: _subresource, ...writer } = last
  const bucket = entryOf({ ...writer, manager: ancient }, fields, last.time ?? '')
  return [...entries.filter((entry) => !merged.includes(entry)), bucket]
}

/** Without metadata.managedFields, which nobody owns and which is long. */
export const withoutEntries = (object: Json): Json => {
  const { managedFields: _entries, ...metadata } = mapOf(object['metadata'])
  return { ...object, metadata }
}
