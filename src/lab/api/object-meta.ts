import { isMap, type Json, listOf, mapOf, textOf } from './access.ts'
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from './field-errors.ts'
import { labelErrors } from './hooks/pod-validation.ts'
import type { Kind } from './kind.ts'
import { qualifiedNameErrors } from './names.ts'
import type { KubeObject, NewObject, ObjectMeta } from './types.ts'

/** metadata in the order in which a real server writes it; what is empty is left out. */
function orderedMeta(meta: Partial<ObjectMeta>): ObjectMeta {
  const { name, generateName, namespace, uid, resourceVersion, generation, creationTimestamp } = meta
  const { deletionTimestamp, deletionGracePeriodSeconds, labels, annotations, ownerReferences, finalizers } = meta
  const { managedFields } = meta
  const all = {
    name,
    generateName: generateName || undefined,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    labels: filled(labels),
    annotations: filled(annotations),
    ownerReferences: ownerReferences?.length ? ownerReferences : undefined,
    finalizers: finalizers?.length ? finalizers : undefined,
    managedFields: managedFields?.length ? managedFields : undefined,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as unknown as ObjectMeta
}

const filled = (map: Record<string, string> | undefined): Record<string, string> | undefined =>
  isMap(map) && Object.keys(map).length > 0 ? map : undefined

/** `kind`, `apiVersion` and `metadata` first, and `status` last, as a real server writes them. */
export function orderedObject(object: KubeObject | NewObject, kind: Kind, apiVersion: string): KubeObject {
  const { kind: _kind, apiVersion: _version, metadata, spec, status, ...rest } = object
  return {
    kind: kind.kind,
    apiVersion,
    metadata: orderedMeta(metadata),
    ...(spec === undefined ? {} : { spec }),
    ...rest,
    ...(status === undefined ? {} : { status }),
  }
}

/** What is wrong with the metadata of a new object. */
export function newMetaErrors(kind: Kind, meta: Json): FieldError[] {
  const name = textOf(meta['name'])
  const nameErrors =
    name === ''
      ? [required('metadata.name', 'name or generateName is required')]
      : kind.nameErrors(name).map((words) => invalidValue('metadata.name', name, words))
  return [...nameErrors, ...commonErrors(kind, meta)]
}

function commonErrors(kind: Kind, meta: Json): FieldError[] {
  return [
    ...ownerErrors(meta),
    ...labelErrors(meta['labels'], 'metadata.labels'),
    ...annotationErrors(mapOf(meta['annotations'])),
    ...finalizerErrors(kind, meta),
  ]
}

/** Names and values together, of all annotations (TotalAnnotationSizeLimitB of apimachinery). */
const maxAnnotationBytes = 256 * 1024

function annotationErrors(annotations: Json): FieldError[] {
  const field = 'metadata.annotations'
  const entries = Object.entries(annotations)
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(textOf(value)), 0)
  return [
    ...entries.flatMap(([key]) =>
      qualifiedNameErrors(key.toLowerCase()).map((words) => invalidValue(field, key, words)),
    ),
    ...(size > maxAnnotationBytes ? [tooLong(field, maxAnnotationBytes)] : []),
  ]
}

const standardFinalizers = new Set(['foregroundDeletion', 'orphan', 'kubernetes'])

/** Groups whose objects have finalizers of any qualified name, as custom resources do: their rules are those of apimachinery alone. */
const freeGroups = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])

const finalizerErrors = (kind: Kind, meta: Json): FieldError[] =>
  (meta['finalizers'] ?? []).flatMap((name: string, i: number) => {
    const field = `metadata.finalizers[${i}]`
    const words = qualifiedNameErrors(name)
    if (words.length > 0) return words.map((w) => invalidValue(field, name, w))
    const free = kind.custom !== undefined || freeGroups.has(kind.group)
    const known = free || name.includes('/') || standardFinalizers.has(name)
    return known
      ? []
      : [invalidValue(field, name, 'name is neither a standard finalizer name nor is it fully qualified')]
  })

function ownerErrors(meta: Json): FieldError[] {
  const owners = listOf(meta['ownerReferences'])
  const errors = owners.flatMap((owner) =>
    ['apiVersion', 'kind', 'name', 'uid']
      .filter((field) => textOf(owner[field]) === '')
      .map((field) => invalidValue(`metadata.ownerReferences.${field}`, '', 'must not be empty')),
  )
  const controllers = owners.filter((owner) => owner['controller'] === true)
  if (controllers.length < 2) return errors
  const [one, two] = controllers.map((owner) => `${owner['kind']}/${owner['name']}`)
  const words = `Only one reference can have Controller set to true. Found "true" in references for ${one} and ${two}`
  return [...errors, invalidValue('metadata.ownerReferences', owners, words)]
}

/** What is wrong with the metadata of an update. */
export function changedMetaErrors(kind: Kind, meta: Json, old: Json): FieldError[] {
  const errors = commonErrors(kind, meta)
  if (old['deletionTimestamp'] === undefined) return errors
  const before = new Set<string>(old['finalizers'] ?? [])
  const added = (meta['finalizers'] ?? []).filter((name: string) => !before.has(name))
  if (added.length === 0) return errors
  const list = `[]string{${added.map((name: string) => `"${name}"`).join(', ')}}`
  const words = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`
  return [...errors, forbiddenField('metadata.finalizers', words)]
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789'
const maxGeneratedName = 63
const suffixLength = 5

/** `generateName` and five characters that spell no word, cut to fit a label (names.SimpleNameGenerator). */
export function generatedName(prefix: string, random: () => number): string {
  const suffix = Array.from({ length: suffixLength }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
  return prefix.slice(0, maxGeneratedName - suffixLength) + suffix
}
