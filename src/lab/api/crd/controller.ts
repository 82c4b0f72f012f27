import { hasCondition, type Json, mapOf, sameJson, textOf } from '../access.ts'
import type { ApiStore, KubeObject, StoreEvent } from '../types.ts'
import { cleanupFinalizer, definitionResource, setCondition } from './definition-defaults.ts'

/**
 * What a real server does about CustomResourceDefinitions behind the scenes: it accepts names, establishes, and deletes the objects of
 * a definition that goes. Subscribe it to the store before anyone else; after a
 * start show it every definition that there is, since something may have been under way.
 */
export function definitionController(store: ApiStore, now: () => string): (event: StoreEvent) => void {
  const current = (name: string): KubeObject | undefined => store.get(definitionResource, undefined, name)
  const reconcile = (name: string): void => {
    const definition = current(name)
    if (definition === undefined) return
    if (definition.metadata.deletionTimestamp === undefined) acceptNames(store, definition, now())
    else cleanUp(store, definition, now())
  }
  return ({ type, resource, object }) => {
    if (resource === definitionResource) {
      if (type !== 'DELETED') reconcile(object.metadata.name)
      else for (const other of others(store, object)) reconcile(other.metadata.name)
    } else if (type === 'DELETED' && current(resource)?.metadata.deletionTimestamp !== undefined) reconcile(resource)
  }
}

const groupOf = (definition: Json): unknown => mapOf(definition['spec'])['group']

const others = (store: ApiStore, definition: KubeObject): KubeObject[] =>
  store
    .list(definitionResource)
    .filter((one) => groupOf(one) === groupOf(definition) && one.metadata.name !== definition.metadata.name)

interface Names {
  resources: Set<string>
  kinds: Set<string>
}

/** The names that other definitions of the group have been given. */
function taken(store: ApiStore, definition: KubeObject): Names {
  const names = others(store, definition).map((one) => mapOf(mapOf(one['status'])['acceptedNames']))
  const texts = (list: unknown[]): Set<string> => new Set(list.map(textOf).filter((text) => text !== ''))
  return {
    resources: texts(names.flatMap((one) => [one['plural'], one['singular'], ...(one['shortNames'] ?? [])])),
    kinds: texts(names.flatMap((one) => [one['kind'], one['listKind']])),
  }
}

interface Verdict {
  accepted: Json
  /** The last name that is another's. */
  conflict: { reason: string; name: string } | undefined
}

function judge(wanted: Json, before: Json, { resources, kinds }: Names): Verdict {
  const accepted: Json = {}
  let conflict: Verdict['conflict']
  const single = (field: string, used: Set<string>, reason: string): void => {
    const name = textOf(wanted[field])
    if (used.has(name)) {
      conflict = { reason, name }
      if (before[field] !== undefined) accepted[field] = before[field]
    } else if (wanted[field] !== undefined) accepted[field] = wanted[field]
  }
  single('plural', resources, 'PluralConflict')
  single('singular', resources, 'SingularConflict')
  const shortNames: string[] = wanted['shortNames'] ?? []
  const busy = shortNames.find((name) => resources.has(name))
  if (busy !== undefined) conflict = { reason: 'ShortNamesConflict', name: busy }
  else if (shortNames.length > 0) accepted['shortNames'] = shortNames
  single('kind', kinds, 'KindConflict')
  single('listKind', kinds, 'ListKindConflict')
  if (wanted['categories'] !== undefined) accepted['categories'] = wanted['categories']
  return { accepted: { plural: '', kind: '', ...accepted }, conflict }
}

function acceptNames(store: ApiStore, definition: KubeObject, now: string): void {
  const draft = structuredClone(definition)
  const before = mapOf(mapOf(definition['status'])['acceptedNames'])
  const { accepted, conflict } = judge(mapOf(mapOf(definition['spec'])['names']), before, taken(store, definition))
  draft['status'] = { ...mapOf(draft['status']), acceptedNames: accepted }
  if (conflict === undefined) setCondition(draft, 'NamesAccepted', 'True', 'NoConflicts', 'no conflicts found', now)
  else setCondition(draft, 'NamesAccepted', 'False', conflict.reason, `"${conflict.name}" is already in use`, now)
  if (conflict === undefined && !hasCondition(definition, 'Established'))
    setCondition(draft, 'Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted', now)
  else if (!hasCondition(definition, 'Established'))
    setCondition(draft, 'Established', 'False', 'NotAccepted', 'not all names are accepted', now)
  if (!sameJson(draft['status'], definition['status'])) store.updateStatus(definitionResource, draft)
}

/** Deletes what there is, waits for what is held by finalizers, and lets the definition go in the end. */
function cleanUp(store: ApiStore, definition: KubeObject, now: string): void {
  const { name, finalizers = [] } = definition.metadata
  if (!finalizers.includes(cleanupFinalizer)) return
  if (reasonOf(definition) === 'InstanceDeletionPending') {
    const draft = structuredClone(definition)
    const words = 'CustomResource deletion is in progress'
    setCondition(draft, 'Terminating', 'True', 'InstanceDeletionInProgress', words, now)
    store.updateStatus(definitionResource, draft)
  }
  for (const { metadata } of objectsOf(store, definition))
    if (metadata.deletionTimestamp === undefined && store.get(name, metadata.namespace, metadata.name) !== undefined)
      store.remove(name, metadata.namespace, metadata.name)
  if (objectsOf(store, definition).length > 0) return
  const last = store.get(definitionResource, undefined, name)
  if (last === undefined) return
  const left = (last.metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer)
  store.update(definitionResource, { ...last, metadata: { ...last.metadata, finalizers: left } })
}

const reasonOf = (definition: Json): unknown => {
  const conditions: Json[] = mapOf(definition['status'])['conditions'] ?? []
  return conditions.find((condition) => condition['type'] === 'Terminating')?.['reason']
}

/** None for a definition that was never served. */
const objectsOf = (store: ApiStore, definition: KubeObject): KubeObject[] =>
  hasCondition(definition, 'Established') ? store.list(definition.metadata.name) : []
