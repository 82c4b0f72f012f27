/** One thing wrong with one field: a cause of a 422 (field.Error of apimachinery). */
export interface FieldError {
  reason: string
  /** Without the field. */
  message: string
  /** Path, e.g. `spec.ports[0].port`. */
  field: string
}

/** How a value looks in a message: text quoted, everything else as JSON. */
const shown = (value: unknown): string => JSON.stringify(value) ?? 'null'

export const required = (field: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  message: detail ? `Required value: ${detail}` : 'Required value',
  field,
})

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${detail}`,
  field,
})

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map((s) => `"${s}"`).join(', ')}`,
  field,
})

export const duplicate = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${shown(value)}`,
  field,
})

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${maxBytes} bytes`,
  field,
})

export const forbiddenField = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
  field,
})

export const notFoundField = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${shown(value)}`,
  field,
})

/** Nothing if the value is one of those allowed, else "Unsupported value". */
export const oneOf = (field: string, value: unknown, supported: readonly string[]): FieldError[] =>
  typeof value === 'string' && supported.includes(value) ? [] : [notSupported(field, value ?? '', supported)]
