/** JSON with sorted keys and without undefined fields: equal text means equal value, whatever the order in which fields were written. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
  return `{${fields.join(',')}}`
}

/** Deep equality of JSON values, whatever the order of fields; a field that is undefined is none. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, at) => same(item, b[at]))
  return !Array.isArray(b) && sameFields(a as Fields, b as Fields)
}

type Fields = Record<string, unknown>

function sameFields(a: Fields, b: Fields): boolean {
  let left = 0
  for (const name in b) if (b[name] !== undefined) left++
  for (const name in a) {
    if (a[name] === undefined) continue
    if (!same(a[name], b[name])) return false
    left--
  }
  return left === 0
}

/** The letters that Kubernetes uses in generated names: no vowels, nothing that looks like another (apimachinery, util/rand). */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a, 32 bits (RFC draft-eastlake-fnv). */
function fnv1a32(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** A hash as it stands in `pod-template-hash`: the decimal digits, spelt in letters that make no words. */
export const nameHash = (text: string): string =>
  Array.from(String(fnv1a32(text)), (digit) => nameLetters[digit.charCodeAt(0) % nameLetters.length]).join('')
