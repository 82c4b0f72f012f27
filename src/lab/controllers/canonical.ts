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

/** Deep equality of JSON values; values written by the same code have the same order of fields, which is much faster to find out. */
export const same = (a: unknown, b: unknown): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b) || canonical(a) === canonical(b)

/** The letters that Kubernetes uses in generated names: no vowels, nothing that looks like another (apimachinery, util/rand). */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a, 32 bits (RFC draft-eastlake-fnv). */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** A hash as it stands in `pod-template-hash`: the decimal digits, spelt in letters that make no words. */
export const nameHash = (text: string): string =>
  Array.from(String(fnv1a32(text)), (digit) => nameLetters[digit.charCodeAt(0) % nameLetters.length]).join('')
