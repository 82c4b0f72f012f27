import { isMap, type Json, textOf } from '../access.ts'
import { difference, type FieldTree, intern, isElement, isEmpty, leaf } from './field-set.ts'

/** metav1.ManagedFieldsEntry: which fields a manager owns. */
export interface ManagedFieldsEntry {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time?: string
  fieldsType: 'FieldsV1'
  fieldsV1: FieldTree
  subresource?: string
}

/** Who writes, and how. */
export interface Writer {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  subresource?: string | undefined
}

/** One manager is one entry for each operation and subresource; one that updates, for each version too. */
export const isSameWriter = (entry: Writer, writer: Writer): boolean =>
  entry.manager === writer.manager &&
  entry.operation === writer.operation &&
  (entry.subresource ?? '') === (writer.subresource ?? '') &&
  (entry.operation === 'Apply' || entry.apiVersion === writer.apiVersion)

/** An entry; its set is shared with all that are equal. */
export function entryOf(writer: Writer, fields: FieldTree, time: string): ManagedFieldsEntry {
  const { manager, operation, apiVersion, subresource } = writer
  const entry: ManagedFieldsEntry = {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: intern(fields),
    ...(subresource ? { subresource } : {}),
  }
  return Object.freeze(entry)
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Entries as they are stored: those that apply first, the oldest first; none without fields. */
export const orderedEntries = (entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] =>
  entries
    .filter(({ fieldsV1 }) => !isEmpty(fieldsV1))
    .sort(
      (a, b) =>
        compareText(a.operation, b.operation) ||
        compareText(a.time ?? '', b.time ?? '') ||
        compareText(a.manager, b.manager) ||
        compareText(a.apiVersion, b.apiVersion) ||
        compareText(a.subresource ?? '', b.subresource ?? ''),
    )

/** An object that was read anew, with the sets of its entries shared as those of others are; it is changed in place. */
export function withSharedFields<T extends { metadata: { managedFields?: readonly ManagedFieldsEntry[] } }>(
  object: T,
): T {
  const { managedFields } = object.metadata
  if (managedFields !== undefined)
    object.metadata.managedFields = managedFields.map((entry) => ({ ...entry, fieldsV1: intern(entry.fieldsV1) }))
  return object
}

/** Takes fields from an entry; it stays itself if it has none of them. */
export function withoutSet(entry: ManagedFieldsEntry, fields: FieldTree): ManagedFieldsEntry {
  const rest = intern(difference(entry.fieldsV1, fields))
  return rest === intern(entry.fieldsV1) ? entry : Object.freeze({ ...entry, fieldsV1: rest })
}

/**
 * metadata.managedFields that a client sent with an update, or undefined if it sent none that can be read: then those of the object stay.
 * One entry that is empty takes them all away.
 */
export function givenEntries(value: unknown): ManagedFieldsEntry[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const entries = value.filter((entry) => isMap(entry) && Object.keys(entry).length > 0)
  if (!entries.every(isEntry)) return undefined
  return entries.map((entry) => entryOf(entry, entry.fieldsV1, entry.time ?? ''))
}

function isEntry(value: unknown): value is ManagedFieldsEntry {
  if (!isMap(value)) return false
  const { operation, fieldsType, fieldsV1 } = value
  return (operation === 'Apply' || operation === 'Update') && fieldsType === 'FieldsV1' && isTree(fieldsV1)
}

const isTree = (value: unknown): boolean =>
  isMap(value) && Object.entries(value).every(([element, below]) => isElement(element) && isTree(below))

/** Fields that nobody owns: they say which object it is, or the server sets them. */
export function withoutUnowned(fields: FieldTree): FieldTree {
  const { 'f:apiVersion': _version, 'f:kind': _kind, 'f:metadata': metadata, ...rest } = fields
  if (metadata === undefined) return rest
  const { '.': _self, ...owned } = metadata
  for (const name of serverFields) delete owned[`f:${name}`]
  return isEmpty(owned) ? rest : { 'f:metadata': owned, ...rest }
}

const serverFields = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
] as const

/** What of an object a subresource may change: all but status, status alone, or the number of replicas. */
export function reachable(fields: FieldTree, subresource: string | undefined, hasStatus: boolean): FieldTree {
  const { 'f:status': status, ...rest } = fields
  if (subresource === 'status') return status === undefined ? leaf : { 'f:status': status }
  return hasStatus ? rest : fields
}

/** The manager of a request that names none: the program in its User-Agent. */
export function managerOf(query: URLSearchParams, headers: Json): string {
  const given = query.get('fieldManager')
  if (given !== null && given !== '') return given
  return textOf(headers['user-agent']).split('/')[0]?.slice(0, 128) || 'unknown'
}
