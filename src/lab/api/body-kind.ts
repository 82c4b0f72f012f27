import { type Json, mapOf, textOf } from './access.ts'
import { invalidValue } from './field-errors.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds } from './kinds.ts'
import { badRequest, invalid } from './status.ts'

/** What of a kind is needed to tell whether an object is one of it. */
export type NamedKind = Pick<Kind, 'kind' | 'group' | 'version' | 'custom'>

/** @throws StatusError 400 if the object is of another kind or version */
export function checkKind(object: Json, kind: NamedKind): void {
  if (kind.custom !== undefined) return checkCustomKind(object, kind)
  const { apiVersion } = object
  const expected = apiVersionOf(kind)
  const sameGroup = String(apiVersion).split('/')[0] === kind.group && kind.group !== ''
  const error = conversionError(object, kind)
  if (error === undefined) return
  if ((object['kind'] ?? kind.kind) === kind.kind && sameGroup)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    )
  const version = String(apiVersion ?? expected)
    .split('/')
    .at(-1)
  const name = object['kind'] ?? kind.kind
  throw badRequest(`${name} in version "${version}" cannot be handled as a ${kind.kind}: ${error}`)
}

/** Why an object is not of this kind. The names are those of Go packages. */
export function conversionError(object: Json, kind: NamedKind): string | undefined {
  const expected = apiVersionOf(kind)
  const { kind: name = kind.kind, apiVersion = expected } = object
  if (name === kind.kind && apiVersion === expected) return undefined
  const known = kinds.find((other) => other.kind === name && apiVersionOf(other) === apiVersion)
  const version = String(apiVersion).split('/').at(-1)
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
