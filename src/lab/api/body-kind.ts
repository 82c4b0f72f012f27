import { type Json, mapOf, textOf } from './access.ts'
import { invalidValue } from './field-errors.ts'
import { jsonType } from './go-text.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds } from './kinds.ts'
import { badRequest, invalid } from './status.ts'

/** What of a kind is needed to tell whether an object is one of it. */
export type NamedKind = Pick<Kind, 'kind' | 'group' | 'version' | 'custom'>

/**
 * The beginning of a 400 for a body of which not even kind and version can be told; `sent`: the body, of which the beginning is shown
 * (transformDecodeError of apiserver).
 */
export const unrecognized = (kind: Pick<Kind, 'kind'>, why: string, sent: Buffer): string =>
  `the object provided is unrecognized (must be of type ${kind.kind}): ${why} (${summaryOf(sent)})`

const maxShownBytes = 30

/** Text where it may be JSON, else bytes. */
function summaryOf(sent: Buffer): string {
  if (sent.length === 0) return '<empty>'
  const shown = sent.subarray(0, maxShownBytes).toString(sent[0] === 0x7b ? 'utf8' : 'hex')
  return sent.length > maxShownBytes ? `${shown} ...` : shown
}

/** Why kind and version of an object cannot be told (SimpleMetaFactory.Interpret of apimachinery), or undefined. Those that are left out are no error. */
export function unreadableKind(object: Json): string | undefined {
  for (const [field, value] of Object.entries(object))
    if ((field === 'apiVersion' || field === 'kind') && typeof value !== 'string' && value !== null)
      return `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonType(value)} into Go struct field .${field} of type string`
  const apiVersion = textOf(object['apiVersion'])
  return apiVersion.split('/').length > 2 ? `unexpected GroupVersion string: ${apiVersion}` : undefined
}

/** @throws StatusError 400 if the object is of another kind or version, or of none that can be told */
export function checkKind(object: Json, kind: NamedKind, sent: Buffer): void {
  const unreadable = unreadableKind(object)
  if (unreadable !== undefined) throw badRequest(unrecognized(kind, unreadable, sent))
  if (kind.custom !== undefined) return checkCustomKind(object, kind)
  const expected = apiVersionOf(kind)
  const apiVersion = textOf(object['apiVersion']) || expected
  const name = textOf(object['kind']) || kind.kind
  const error = conversionError(object, kind)
  if (error === undefined) return
  const [group = '', version = group] = apiVersion.split('/')
  if (name === kind.kind && group === kind.group && group !== '')
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    )
  throw badRequest(`${name} in version "${version}" cannot be handled as a ${kind.kind}: ${error}`)
}

/** Why an object is not of this kind. The names are those of Go packages. */
export function conversionError(object: Json, kind: NamedKind): string | undefined {
  const unreadable = unreadableKind(object)
  if (unreadable !== undefined) return unreadable
  const expected = apiVersionOf(kind)
  const name = textOf(object['kind']) || kind.kind
  const apiVersion = textOf(object['apiVersion']) || expected
  if (name === kind.kind && apiVersion === expected) return undefined
  const known = kinds.find((other) => other.kind === name && apiVersionOf(other) === apiVersion)
  const version = apiVersion.split('/').at(-1)
  const goPackage = kind.group === '' ? 'core' : kind.group.split('.')[0]
  return known === undefined
    ? `no kind "${name}" is registered for version "${apiVersion}" in scheme "pkg/api/legacyscheme/scheme.go:30"`
    : `converting (${version}.${name}) to (${goPackage}.${kind.kind}): unknown conversion`
}

/** @throws StatusError 422 */
function checkCustomKind(object: Json, kind: NamedKind): void {
  const errors = [
    ...(object['kind'] === kind.kind ? [] : [invalidValue('kind', object['kind'] ?? '', `must be ${kind.kind}`)]),
    ...(object['apiVersion'] === apiVersionOf(kind)
      ? []
      : [invalidValue('apiVersion', object['apiVersion'] ?? '', `must be ${apiVersionOf(kind)}`)]),
  ]
  if (errors.length === 0) return
  const name = textOf(mapOf(object['metadata'])['name'])
  throw invalid({ group: kind.group, kind: textOf(object['kind']) || kind.kind }, name, errors)
}
