import { type Json, textOf } from './access.ts'
import { schemaOf } from './apply/schema.ts'
import { typeNamed } from './apply/types.ts'
import { conversionError, type NamedKind } from './body-kind.ts'
import { unknownFields } from './crd/prune.ts'
import { DecodeError, decode } from './decode.ts'
import { badRequest, StatusError } from './status.ts'

/** What to do with fields that there are not or that are named twice, and where warnings go. */
export interface FieldValidation {
  query: URLSearchParams
  warnings: string[]
}

/** Asks for nothing and warns of nothing. */
export const quiet: FieldValidation = { query: new URLSearchParams('fieldValidation=Ignore'), warnings: [] }

/** Takes away fields that the kind does not have. @throws StatusError 400 for a wrong type, or (Strict) such a field */
export function checkFields(
  object: Json,
  kind: NamedKind,
  validation: FieldValidation,
  duplicates: () => string[],
): void {
  const handled = `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}`
  const complaints = complaintsOf(object, kind, validation, duplicates, (words) => badRequest(`${handled}: ${words}`))
  if (complaints.length === 0) return
  if (validation.query.get('fieldValidation') === 'Strict')
    throw badRequest(`${handled}: strict decoding error: ${complaints.join(', ')}`)
  validation.warnings.push(...complaints)
}

function complaintsOf(
  object: Json,
  kind: NamedKind,
  { query }: FieldValidation,
  duplicates: () => string[],
  wrong: (words: string) => StatusError,
): string[] {
  const ignored = query.get('fieldValidation') === 'Ignore'
  try {
    const unknown = kind.custom === undefined ? unknownOf(object, kind) : customUnknown(object, kind, ignored)
    if (ignored) return []
    return [
      ...unknown.map((field) => `unknown field "${field}"`),
      ...duplicates().map((field) => `duplicate field "${field}"`),
    ]
  } catch (error) {
    throw error instanceof DecodeError ? wrong(error.message) : error
  }
}

function unknownOf(object: Json, kind: NamedKind): string[] {
  const schema = schemaOf(kind)
  return schema === undefined ? [] : decode(object, schema)
}

/** Of a custom resource only the metadata is decoded here: its own fields are checked later, in other words. */
function customUnknown(object: Json, kind: NamedKind, ignored: boolean): string[] {
  const metadata = schemaOf(kind)?.fields.get('metadata')
  if (metadata !== undefined)
    decode(
      { metadata: object['metadata'] },
      { is: 'struct', name: kind.kind, fields: new Map([['metadata', metadata]]) },
    )
  return ignored || kind.custom === undefined ? [] : unknownFields(object, kind.custom.schema)
}

/** What an apply has come to is of its kind's types: what it was made of is compared field by field, not decoded. @throws StatusError 400 */
export function checkApplied(object: Json, kind: NamedKind): void {
  complaintsOf(
    object,
    kind,
    quiet,
    () => [],
    (words) => badRequest(`unable to convert to ${kind.kind}: ${words}`),
  )
}

/** Takes away fields that DeleteOptions do not have. @throws StatusError 400 for a wrong type */
export function checkOptions(options: Json): void {
  const schema = typeNamed('DeleteOptions')
  const version = textOf(options['apiVersion']).split('/').at(-1) || 'v1'
  try {
    if (schema !== undefined) decode(options, schema)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw badRequest(`DeleteOptions in version "${version}" cannot be handled as a DeleteOptions: ${error.message}`)
  }
}

/**
 * As `checkFields` for an object that came out of a patch: here everything wrong is a 422 with the object in it. `object` and `kind` are what the patch
 * made, of which kind and apiVersion may not be others. @throws StatusError 422
 */
export function checkPatched(object: Json, kind: NamedKind, validation: FieldValidation): void {
  const wrong = (words: string, shown = object): StatusError => {
    const message = `Invalid value: ${JSON.stringify(JSON.stringify(shown))}: ${words}`
    return new StatusError(422, 'Invalid', ` "" is invalid: patch: ${message}`, {
      causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
    })
  }
  const conversion = conversionError(object, kind)
  if (conversion !== undefined) throw wrong(conversion)
  const strict = validation.query.get('fieldValidation') === 'Strict'
  const before = strict ? structuredClone(object) : undefined
  const complaints = complaintsOf(object, kind, validation, () => [], wrong)
  if (complaints.length === 0) return
  // The answer shows the object with what is wrong in it.
  if (strict) throw wrong(`strict decoding error: ${complaints.join(', ')}`, before)
  validation.warnings.push(...complaints)
}
