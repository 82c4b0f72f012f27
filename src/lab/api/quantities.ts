/** Powers of a quantity's suffix (apimachinery's resource.Quantity): decimal, binary, and exponents. */
const decimal: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
const binary = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** A quantity (`500m`, `1Gi`, `1e3`) as a number in its base unit, or undefined if it is none. Exact enough to compare. */
export function quantityOf(value: unknown): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(String(value))
  if (match === null) return undefined
  const [, digits = '', exponent, suffix = ''] = match
  if (exponent !== undefined) return Number(digits + exponent)
  const power = binary.indexOf(suffix)
  return power >= 0 ? Number(digits) * 1024 ** (power + 1) : Number(digits) * 10 ** (decimal[suffix] ?? 0)
}
