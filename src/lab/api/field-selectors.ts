import { type Json, mapOf, textOf } from './access.ts'
import type { Kind } from './kind.ts'
import { badRequest } from './status.ts'

export type FieldRequirement = (object: Json) => boolean

/** Kinds whose real storage registers a conversion of its own say it in other words. */
const ownWords = new Set([
  'Pod',
  'Event',
  'Node',
  'Namespace',
  'Secret',
  'Service',
  'ReplicaSet',
  'ReplicationController',
])

/**
 * The query parameter `fieldSelector`: `metadata.name=a,spec.nodeName!=b`.
 * @throws StatusError 400 for a field that the kind does not know
 */
export function parseFieldSelector(kind: Kind, text: string | null): FieldRequirement[] {
  if (text === null || text.trim() === '') return []
  return text
    .split(',')
    .filter((term) => term !== '')
    .map((term) => requirement(kind, term, text))
}

function requirement(kind: Kind, term: string, whole: string): FieldRequirement {
  const match = /^(.*?)(!=|==|=)(.*)$/.exec(term)
  if (match === null) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`)
  const [, field = '', operator, value = ''] = match
  const read = reader(kind, field)
  return operator === '!=' ? (object) => read(object) !== value : (object) => read(object) === value
}

function reader(kind: Kind, field: string): (object: Json) => string {
  if (field === 'metadata.name' || (field === 'metadata.namespace' && kind.namespaced))
    return (object) => textOf(mapOf(object['metadata'])[field.slice('metadata.'.length)])
  const own = Object.hasOwn(kind.fieldSelectors, field) ? kind.fieldSelectors[field] : undefined
  if (own !== undefined) return own
  throw badRequest(refusal(kind, field))
}

function refusal(kind: Kind, field: string): string {
  if (kind.kind === 'Job' && kind.group === 'batch') return `field label "${field}" not supported for batchv1.Job`
  return ownWords.has(kind.kind) || kind.custom !== undefined
    ? `field label not supported: ${field}`
    : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
}
