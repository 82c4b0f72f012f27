import { isMap } from './access.ts'

/** The type of a JSON value, as Go's decoder names it. */
export function jsonType(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : typeof value
}

/** A value as Go prints it (`%v`), for messages: `map[a:1 b:[x y]]`. */
export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (value === null || value === undefined) return '<nil>'
  if (!isMap(value)) return typeof value === 'string' ? value : JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[${entries.map(([key, item]) => `${key}:${goText(item)}`).join(' ')}]`
}
