/** Powers of a quantity's suffix (apimachinery's resource.Quantity): decimal, binary, and exponents. */
const decimal: ReadonlyMap<string, number> = new Map(
  ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'].map((suffix, i) => [suffix, 3 * i - 9]),
)
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** The real expression, which is of no use but to be told; what is no number of its is told otherwise. */
const quantityExpression = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'

interface Parts {
  /** All digits, those behind the point included. */
  digits: bigint
  /** Of ten. */
  exponent: number
  /** Of 1024. */
  binaryExponent: number
  format: 'binary' | 'decimal' | 'exponent'
}

const form = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/

/** Undefined for what is no quantity; `suffix` if it is only the suffix that is none. */
function partsOf(text: string): Parts | 'suffix' | undefined {
  const match = text === '' ? null : form.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match
  const digits = BigInt(`${whole}${fraction}` || '0') * (sign === '-' ? -1n : 1n)
  const power = binary.indexOf(suffix)
  if (power > 0) return { digits, exponent: -fraction.length, binaryExponent: power, format: 'binary' }
  const plain = decimal.get(suffix)
  const given = plain ?? (/^[eE][-+]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : undefined)
  if (given === undefined) return 'suffix'
  const format = plain === undefined ? 'exponent' : 'decimal'
  return { digits, exponent: given - fraction.length, binaryExponent: 0, format }
}

/** A quantity (`500m`, `1Gi`, `1e3`) as a number in its base unit, or undefined if it is none. Exact enough to compare. */
export function quantityOf(value: unknown): number | undefined {
  const parts = typeof value === 'string' || typeof value === 'number' ? partsOf(String(value)) : undefined
  if (parts === undefined || parts === 'suffix') return undefined
  return Number(`${parts.digits}e${parts.exponent}`) * 1024 ** parts.binaryExponent
}

/** What is wrong with a quantity, in the words of apimachinery. */
export function quantityError(text: string): string | undefined {
  const parts = partsOf(text)
  if (parts === undefined) return `quantities must match the regular expression '${quantityExpression}'`
  return parts === 'suffix' ? "unable to parse quantity's suffix" : undefined
}

/** Smaller parts than these are rounded away from zero. */
const leastExponent = -9
const mostBinary = 2n ** 63n - 1n

/**
 * A quantity as a real server writes it, whatever way it was sent: no fraction, and the largest suffix that leaves none (`0.5` is `500m`, `1024Mi` is
 * `1Gi`, `1000m` is `1`). What is no quantity stays as it is.
 */
export function canonicalQuantity(text: string): string {
  const parts = partsOf(text)
  if (parts === undefined || parts === 'suffix') return text
  const { digits, exponent } = rounded(parts)
  if (digits === 0n) return '0'
  const whole = parts.format === 'binary' ? wholeOf(digits, exponent) : undefined
  if (whole !== undefined && magnitude(whole) >= 1024n) return shownBinary(whole)
  return shownDecimal(digits, exponent, parts.format === 'exponent')
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

/** In units of ten, no finer than nano. */
function rounded({ digits, exponent, binaryExponent }: Parts): { digits: bigint; exponent: number } {
  const all = digits * 1024n ** BigInt(binaryExponent)
  const surplus = leastExponent - exponent
  if (surplus <= 0) return { digits: all, exponent }
  const sign = all < 0n ? -1n : 1n
  // Nothing is left of it but that it is not zero.
  if (surplus > magnitude(all).toString().length) return { digits: all === 0n ? 0n : sign, exponent: leastExponent }
  const unit = 10n ** BigInt(surplus)
  return { digits: sign * ((magnitude(all) + unit - 1n) / unit), exponent: leastExponent }
}

/** A value of a binary suffix, or undefined if it has a fraction. */
function wholeOf(digits: bigint, exponent: number): bigint | undefined {
  const unit = 10n ** BigInt(-exponent)
  if (digits % unit !== 0n) return undefined
  const whole = digits / unit
  return whole > mostBinary ? mostBinary : whole
}

function shownBinary(whole: bigint): string {
  let [value, power] = [whole, 0]
  while (value % 1024n === 0n && power < binary.length - 1) {
    value /= 1024n
    power++
  }
  return `${value}${binary[power]}`
}

function shownDecimal(digits: bigint, exponent: number, asExponent: boolean): string {
  const zeros = /0*$/.exec(digits.toString())?.[0].length ?? 0
  const spare = (((exponent + zeros) % 3) + 3) % 3
  const power = exponent + zeros - spare
  const value = (digits / 10n ** BigInt(zeros)) * 10n ** BigInt(spare)
  const suffix = [...decimal].find(([, known]) => known === power)?.[0]
  return suffix === undefined || (asExponent && power !== 0) ? `${value}e${power}` : `${value}${suffix}`
}
