import { isMap, type Json, mapOf, textOf } from '../access.ts'
import type { Kind } from '../kind.ts'
import { apiVersionOf } from '../kinds.ts'
import { badRequest, conflict, StatusError, unsupportedBody } from '../status.ts'
import { compare } from './compare.ts'
import {
  difference,
  type FieldTree,
  intersection,
  isEmpty,
  leaf,
  pathsOf,
  union,
  withNamedFields,
} from './field-set.ts'
import { takenOver, withLastApplied } from './last-applied.ts'
import {
  entryOf,
  isSameWriter,
  type ManagedFieldsEntry,
  orderedEntries,
  reachable,
  type Writer,
  withoutSet,
  withoutUnowned,
} from './managed-fields.ts'
import { merge, withoutFields } from './merge.ts'
import { schemaOf } from './schema.ts'
import type { StructSchema } from './schema-types.ts'
import { withoutEntries } from './track.ts'
import { fieldsOf, TypedError } from './typed.ts'

/** A server-side apply (PATCH with application/apply-patch+yaml). */
export interface ApplyRequest {
  kind: Kind
  /** What the manager wants, as it was sent. */
  config: Json
  manager: string
  /** Takes fields over that others own, where there would be a conflict. */
  force: boolean
  subresource?: string | undefined
  time: string
}

const patchTypes = 'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json'

/** @throws StatusError 400, 409 or 415 for a configuration that can not be applied to anything */
export function checkConfig({ kind, config }: ApplyRequest, live: Json | undefined, name: string): void {
  const apiVersion = textOf(config['apiVersion'])
  const given = textOf(config['kind'])
  if (apiVersion !== apiVersionOf(kind) || given !== kind.kind) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
    if (given === kind.kind && group === kind.group)
      throw badRequest(
        `Incorrect version specified in apply patch. Specified patch version: ${apiVersion}, expected: ${apiVersionOf(kind)}`,
      )
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${given}`)
  }
  if (schemaOf(kind) === undefined) throw unsupportedBody(patchTypes)
  const { managedFields, uid } = mapOf(config['metadata'])
  if (managedFields !== undefined && managedFields !== null) throw badRequest('metadata.managedFields must be nil')
  if (live === undefined && textOf(uid) !== '')
    throw conflict(
      kind,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    )
}

/**
 * The object after an apply, with its managedFields, before defaults and validation. The very object if nothing changes.
 * @param live the object as it is, or undefined
 * @throws StatusError 409 with a cause for each field that another manager owns and that would change; 500 for what is no such object
 */
export function applied(request: ApplyRequest, live: Json | undefined): Json {
  const { kind, config, manager, force, subresource, time } = request
  const schema = schemaOf(kind)
  if (schema === undefined) throw unsupportedBody(patchTypes)
  const writer: Writer = { manager, operation: 'Apply', apiVersion: apiVersionOf(kind), subresource }
  const wanted = reachable(withoutUnowned(ownedFields(kind, config, schema)), subresource, kind.statusSubresource)
  const before = live === undefined ? {} : withoutEntries(live)
  const entries = live === undefined ? [] : entriesOf(kind, live, schema)
  const merged = merge(before, relevant(kind, config, subresource), schema) as Json
  const { changed } = compare(before, merged, schema)
  const others = entries.filter((entry) => !isSameWriter(entry, writer))
  const own = entries.find((entry) => isSameWriter(entry, writer))
  const allowed = takenOver(manager, before, schema)
  const conflicts = others
    .map((entry) => ({ entry, fields: intersection(entry.fieldsV1, changed) }))
    .map(({ entry, fields }) => ({ entry, fields: difference(fields, allowed) }))
    .filter(({ fields }) => !isEmpty(fields))
  if (conflicts.length > 0 && !force) throw applyConflict(conflicts)
  const rest = others.map((entry) => withoutSet(entry, changed))
  const pruned = prune(merged, own?.fieldsV1 ?? leaf, [...rest.map((entry) => entry.fieldsV1), wanted], schema)
  const kept = rest.map((entry) => withoutSet(entry, compare(merged, pruned, schema).removed))
  const mine = entryOf(writer, wanted, time)
  const managedFields = orderedEntries([...kept, own?.fieldsV1 === mine.fieldsV1 ? own : mine])
  const owned = { ...pruned, metadata: { ...mapOf(pruned['metadata']), managedFields } }
  return withLastApplied(manager, live, owned, config)
}

/** Words of the fields, or what is wrong with them as a 500: a real server takes it for its own fault. */
function ownedFields(kind: Kind, config: Json, schema: StructSchema): FieldTree {
  try {
    return fieldsOf(config, schema)
  } catch (error) {
    if (!(error instanceof TypedError)) throw error
    const { namespace, name } = mapOf(config['metadata'])
    const gvk = `${kind.group === '' ? `/${kind.version}` : apiVersionOf(kind)}, Kind=${kind.kind}`
    const message = `failed to create typed patch object (${textOf(namespace)}/${textOf(name)}; ${gvk}): ${error.message}`
    throw new StatusError(500, undefined, message)
  }
}

/** The configuration without what the subresource cannot change, and without what names the object. */
function relevant(kind: Kind, config: Json, subresource: string | undefined): Json {
  const { status, metadata, ...rest } = config
  if (subresource === 'status') return status === undefined ? {} : { status }
  const { uid: _uid, resourceVersion: _version, managedFields: _fields, ...named } = mapOf(metadata)
  // Empty ones are not stored, so that they would always look new.
  const filled = Object.entries(named).filter(([, value]) => typeof value !== 'object' || !isEmpty(value ?? leaf))
  const main = { ...rest, metadata: Object.fromEntries(filled) }
  return kind.statusSubresource || status === undefined ? main : { ...main, status }
}

/** Who owns what; all that there is belongs to `before-first-apply` where nobody was written down. */
function entriesOf(kind: Kind, live: Json, schema: StructSchema): ManagedFieldsEntry[] {
  const entries: unknown = mapOf(live['metadata'])['managedFields']
  if (Array.isArray(entries) && entries.length > 0) return entries as ManagedFieldsEntry[]
  const fields = withoutUnowned(compare({}, withoutEntries(live), schema).changed)
  const writer: Writer = { manager: 'before-first-apply', operation: 'Update', apiVersion: apiVersionOf(kind) }
  const { creationTimestamp = '' } = mapOf(live['metadata'])
  return [entryOf(writer, fields, creationTimestamp)]
}

/** Takes away what the manager owned before, wants no longer, and nobody else owns. */
function prune(merged: Json, last: FieldTree, owned: readonly FieldTree[], schema: StructSchema): Json {
  if (isEmpty(last)) return merged
  const all = owned.reduce(union, leaf)
  const { 'f:metadata': metadata = leaf, ...gone } = difference(withNamedFields(last), withNamedFields(all))
  const { '.': _self, ...inMetadata } = metadata
  if (!isEmpty(inMetadata)) gone['f:metadata'] = inMetadata
  const pruned = withoutFields(merged, gone, schema)
  return isMap(pruned) ? pruned : {}
}

interface Conflict {
  entry: ManagedFieldsEntry
  fields: FieldTree
}

/** `"manager" with subresource "status" using v1` */
function shownManager({ manager, operation, subresource, apiVersion }: ManagedFieldsEntry): string {
  const where = subresource ? ` with subresource ${JSON.stringify(subresource)}` : ''
  return `${JSON.stringify(manager)}${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}

function applyConflict(conflicts: readonly Conflict[]): StatusError {
  const found = conflicts
    .map(({ entry, fields }) => ({ manager: shownManager(entry), paths: pathsOf(fields) }))
    .sort((a, b) => (a.manager < b.manager ? -1 : 1))
  const causes = found.flatMap(({ manager, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${manager}`, field })),
  )
  const [first] = causes
  const list = found.map(({ manager, paths }) =>
    [`conflicts with ${manager}:`, ...paths.map((path) => `- ${path}`)].join('\n'),
  )
  const words =
    causes.length === 1 && first !== undefined
      ? `1 conflict: ${first.message}: ${first.field}`
      : `${causes.length} conflicts: ${list.join('\n')}`
  return new StatusError(409, 'Conflict', `Apply failed with ${words}`, { causes })
}
