import { isMap, type Json } from '../../src/lab/api/access.ts'

/** What a placeholder of a recording may stand for (test/fixtures/api/README.md). */
const kinds: ReadonlyArray<readonly [name: RegExp, value: string]> = [
  [/uid-\d+/, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'],
  [/rv-\d+|rv-now/, '\\d+'],
  [/xxxx\d+|xxxxx/, '[a-z0-9]{5}'],
  [/hash\d+/, '[a-z0-9]{1,10}'],
  [/cluster-ip6-\d+/, '[0-9a-f:]+'],
  [/cluster-ip-\d+/, '\\d+\\.\\d+\\.\\d+\\.\\d+'],
  [/node-port-\d+/, '\\d{5}'],
  [/continue-\d+/, '[^\\s"&]+'],
  [/\btime\b/, 'time|\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z'],
  [/\bage\b/, 'age|(?:\\d+[smhdy])+|<unknown>'],
]

const placeholder = new RegExp(kinds.map(([name]) => name.source).join('|'), 'g')

const valueOf = (name: string): string =>
  kinds.find(([pattern]) => new RegExp(`^(?:${pattern.source})$`).test(name))?.[1] ?? '.*'

/** Names that stand for something else each time. */
const unbound = new Set(['time', 'age', 'xxxxx', 'rv-now'])

/** The age of something that a request dated back. */
const oldAge = /^(?:\d+y\d*d?|\d+[smhd](?:\d+[smh])?)$/

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

const classOf = (name: string): string => name.replace(/\d+$/, '')

const microTimes = new Set(['renewTime', 'acquireTime', 'eventTime', 'lastObservedTime'])

/** The values that this server has for the names of one recording, both ways. */
export class Values {
  #byName = new Map<string, string>()
  #byValue = new Map<string, Set<string>>()

  /** Puts this server's values in the place of the names that a request sends back. */
  filled<T>(value: T, field = ''): T {
    return this.#filled(value, field) as T
  }

  #filled(value: unknown, field: string): unknown {
    if (typeof value === 'string') {
      if (value === 'time') return `${new Date().toISOString().slice(0, 19)}${microTimes.has(field) ? '.000000Z' : 'Z'}`
      const text = value.replace(placeholder, (name) => this.#byName.get(name) ?? name)
      return /^node-port-\d+$/.test(value) && text !== value ? Number(text) : text
    }
    if (Array.isArray(value)) return value.map((item) => this.#filled(item, field))
    if (!isMap(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.#filled(key, ''), this.#filled(item, key)]),
    )
  }

  /** Whether a text is what was expected; names get their values by that. */
  matches(expected: string, actual: string): boolean {
    if (oldAge.test(expected)) return oldAge.test(actual)
    if (expected.search(placeholder) < 0) return expected === actual
    const names: string[] = []
    let pattern = ''
    let from = 0
    for (const match of expected.matchAll(placeholder)) {
      names.push(match[0])
      // A name that stands for nothing here was sent as it is, and comes back so.
      pattern += `${escaped(expected.slice(from, match.index))}(${valueOf(match[0])}|${match[0]})`
      from = match.index + match[0].length
    }
    const found = new RegExp(`^${pattern}${escaped(expected.slice(from))}$`, 's').exec(actual)
    if (found === null) return false
    return names.map((name, i) => this.bind(name, found[i + 1] ?? '')).every(Boolean)
  }

  /** False if the name had another value, or the value another name; the new ones hold then, so that one difference stays one. */
  bind(name: string, value: string): boolean {
    if (unbound.has(name) || value === name) return true
    const before = this.#byName.get(name)
    const key = `${classOf(name)} ${value}`
    const names = this.#byValue.get(key) ?? new Set()
    const known = names.size === 0 || names.has(name)
    this.#byName.set(name, value)
    this.#byValue.set(key, names.add(name))
    return (before === undefined || before === value) && known
  }

  /**
   * The version of a whole list or of a bookmark moves with every write, also with those that nobody recorded: it only has to
   * keep its place in the order of versions.
   */
  inOrder(name: string, actual: unknown): boolean {
    if (typeof actual !== 'string' || !/^\d+$/.test(actual)) return false
    if (!/^rv-\d+$/.test(name)) return this.matches(name, actual)
    const wanted = Number(name.slice(3))
    for (const [other, value] of this.#byName) {
      if (!/^rv-\d+$/.test(other)) continue
      const number = Number(other.slice(3))
      if (number <= wanted ? Number(value) > Number(actual) : Number(value) < Number(actual)) return false
    }
    if (!this.#byName.has(name)) this.#byName.set(name, actual)
    return true
  }

  /** Tries a comparison; what it learnt is forgotten if it fails. */
  attempt(compare: () => boolean): boolean {
    const names = new Map(this.#byName)
    const values = new Map([...this.#byValue].map(([key, set]) => [key, new Set(set)]))
    if (compare()) return true
    this.#byName = names
    this.#byValue = values
    return false
  }
}

/** Arrays whose order says nothing. */
// Entries of managedFields of one second are in the order of their managers: which are of one second is chance.
const sets = new Set(['causes', 'resourceRules', 'nonResourceRules', 'rules', 'managedFields'])

/** Every difference between what was recorded and what was answered, as `path: expected → actual`. */
export function differences(expected: unknown, actual: unknown, values: Values, path = ''): string[] {
  const differ = (): string[] => [`${path || '.'}: ${short(expected)} → ${short(actual)}`]
  const field = path.split('.').at(-1) ?? ''
  if (typeof expected === 'string') {
    if (/^node-port-\d+$/.test(expected) && typeof actual === 'number')
      return values.bind(expected, String(actual)) ? [] : differ()
    if (typeof actual !== 'string') return differ()
    if (field === 'message') return sameMessage(expected, actual, values) ? [] : differ()
    return values.matches(expected, actual) ? [] : differ()
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return differ()
    if (sets.has(field)) return setDifferences(expected, actual, values, path)
    const same = expected.flatMap((item, i) =>
      i < actual.length
        ? differences(item, actual[i], values, `${path}[${i}]`)
        : [`${path}[${i}]: ${short(item)} → nothing`],
    )
    return [
      ...same,
      ...actual.slice(expected.length).map((item, i) => `${path}[${expected.length + i}]: nothing → ${short(item)}`),
    ]
  }
  if (isMap(expected)) return isMap(actual) ? mapDifferences(expected, actual, values, path) : differ()
  return expected === actual ? [] : differ()
}

const isList = (object: Json): boolean =>
  Array.isArray(object['items']) ||
  object['kind'] === 'Table' ||
  (isMap(object['metadata']) && object['metadata']['uid'] === undefined)

function mapDifferences(expected: Json, actual: Json, values: Values, path: string): string[] {
  const result: string[] = []
  for (const [key, value] of Object.entries(expected)) {
    const inside = `${path}.${key}`
    // Descriptions of columns are documentation, and were taken out.
    if (key === 'description' && value === '' && path.includes('.columnDefinitions[')) continue
    if (!(key in actual)) result.push(`${inside}: ${short(value)} → nothing`)
    else if (key === 'metadata' && isMap(value) && isList(expected) && isMap(actual[key])) {
      const { resourceVersion, ...rest } = value
      const { resourceVersion: given, ...others } = actual[key]
      result.push(...differences(rest, others, values, inside))
      if (resourceVersion === undefined ? given !== undefined : !values.inOrder(resourceVersion, given))
        result.push(`${inside}.resourceVersion: ${short(resourceVersion)} → ${short(given)}`)
    } else result.push(...differences(value, actual[key], values, inside))
  }
  for (const key of Object.keys(actual))
    if (!(key in expected)) result.push(`${path}.${key}: nothing → ${short(actual[key])}`)
  return result
}

function setDifferences(expected: unknown[], actual: unknown[], values: Values, path: string): string[] {
  const left = [...actual]
  const missing = expected.filter((item) => {
    const at = left.findIndex((other) => values.attempt(() => differences(item, other, values, path).length === 0))
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return [
    ...missing.map((item) => `${path}[]: ${short(item)} → nothing`),
    ...left.map((item) => `${path}[]: nothing → ${short(item)}`),
  ]
}

/** Messages are compared with the order of the causes in them aside. */
export function sameMessage(expected: string, actual: string, values: Values): boolean {
  if (values.attempt(() => values.matches(expected, actual))) return true
  const parts = (text: string): string[] => text.split(/, (?=[\w[\]().-]+: )|(?<=is invalid: )\[|\]$/)
  const left = parts(actual)
  const missing = parts(expected).filter((part) => {
    const at = left.findIndex((other) => values.attempt(() => values.matches(part, other)))
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return missing.length === 0 && left.length === 0
}

const maxShown = 300
const short = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, maxShown)
