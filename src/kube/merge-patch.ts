import { isDeepStrictEqual } from 'node:util'

type Fields = Readonly<Record<string, unknown>>

/**
 * The JSON merge patch (RFC 7386) that makes `now` of `before`; undefined if they are equal. Lists are replaced whole, and a field that is null or
 * undefined is one that is not there.
 */
export function mergePatchOf(before: unknown, now: unknown): Fields | undefined {
  const patch = diff(asFields(before), asFields(now))
  return Object.keys(patch).length > 0 ? patch : undefined
}

function diff(before: Fields, now: Fields): Record<string, unknown> {
  const patch: [string, unknown][] = []
  for (const field of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [old, wanted] = [fieldOf(before, field), fieldOf(now, field)]
    if (isDeepStrictEqual(old, wanted)) continue
    const inner = isFields(old) && isFields(wanted) ? diff(old, wanted) : wanted
    if (!(isFields(old) && isFields(inner) && Object.keys(inner).length === 0)) patch.push([field, inner])
  }
  // Not field by field: one may be named `__proto__`.
  return Object.fromEntries(patch)
}

/** What every object inherits (`constructor`) is no field. */
const fieldOf = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? (fields[name] ?? null) : null)

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const asFields = (value: unknown): Fields => (isFields(value) ? value : {})
