/**
 * Compares what a real control plane left behind with what ours does. The recordings have names in the place of values that differ from run to
 * run (test/fixtures/api/README.md): `uid-1`, `hash1`, `xxxx1`, `time`. A name stands for one value within a file, and a value for one name.
 */
export class Bindings {
  readonly #values = new Map<string, string>()
  readonly #names = new Map<string, string>()

  /** The value that a name stands for. */
  value(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** The name that a value has. */
  name(value: string): string | undefined {
    return this.#names.get(value)
  }

  /** False if the name stands for something else already, or the value has another name. */
  bind(name: string, value: string): boolean {
    if (this.#values.has(name) || this.#names.has(value)) return this.#values.get(name) === value
    this.#values.set(name, value)
    this.#names.set(value, name)
    return true
  }

  copy(): Bindings {
    const copy = new Bindings()
    copy.take(this)
    return copy
  }

  take(other: Bindings): void {
    for (const [name, value] of other.#values) {
      this.#values.set(name, value)
      this.#names.set(value, name)
    }
  }
}

const placeholder = /uid-\d+|hash\d+|xxxx\d+|xxxxx|cluster-ip6?-\d+|node-port-\d+|(?<![\w-])time(?![\w-])/
const placeholders = new RegExp(placeholder, 'g')

/** What a value in the place of a name may look like. */
function patternOf(name: string): string {
  if (name === 'time') return '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'
  if (name.startsWith('uid-')) return '[0-9a-f-]{36}'
  if (name.startsWith('cluster-ip')) return '[0-9a-f.:]+'
  return name.startsWith('node-port-') ? '\\d+' : '[a-z0-9]+'
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

const isAnyTime = (name: string): boolean => name === 'time' || name === 'xxxxx'

function sameText(recorded: string, ours: unknown, bindings: Bindings): boolean {
  if (typeof ours !== 'string' && !(typeof ours === 'number' && recorded.startsWith('node-port-'))) return false
  const names = recorded.match(placeholders)
  if (names === null) return recorded === ours
  const texts = recorded.split(placeholders)
  const pattern = texts.map((text, at) => escaped(text) + (at < names.length ? `(${patternOf(names[at] ?? '')})` : ''))
  const values = new RegExp(`^${pattern.join('')}$`).exec(String(ours))?.slice(1)
  return values !== undefined && names.every((name, at) => isAnyTime(name) || bindings.bind(name, values[at] ?? ''))
}

/** Lists whose order means nothing: objects of a kind, events, endpoints (real controllers take them from maps). */
export const unordered = (path: string): boolean => /^[a-z]+$|\.(endpoints|subsets)$/.test(path)

/** Where two values differ, one line each; what matches is bound. */
export function differences(recorded: unknown, ours: unknown, path: string, bindings: Bindings): string[] {
  if (typeof recorded === 'string') return sameText(recorded, ours, bindings) ? [] : [differ(path, recorded, ours)]
  if (recorded === null || typeof recorded !== 'object') return recorded === ours ? [] : [differ(path, recorded, ours)]
  if (ours === null || typeof ours !== 'object' || Array.isArray(ours) !== Array.isArray(recorded))
    return [differ(path, recorded, ours)]
  if (Array.isArray(recorded)) return listDifferences(recorded, ours as unknown[], path, bindings)
  const names = new Set([...Object.keys(recorded), ...Object.keys(ours)])
  return [...names].flatMap((name) =>
    fieldDifferences(
      (recorded as Record<string, unknown>)[name],
      (ours as Record<string, unknown>)[name],
      `${path}.${name}`,
      bindings,
    ),
  )
}

const fieldDifferences = (recorded: unknown, ours: unknown, path: string, bindings: Bindings): string[] =>
  recorded === undefined || ours === undefined
    ? [differ(path, recorded, ours)]
    : differences(recorded, ours, path, bindings)

const differ = (path: string, recorded: unknown, ours: unknown): string =>
  `${path}: recorded ${JSON.stringify(recorded)}, ours ${JSON.stringify(ours)}`

function listDifferences(recorded: unknown[], ours: unknown[], path: string, bindings: Bindings): string[] {
  if (unordered(path)) return setDifferences(recorded, ours, path, bindings)
  const length = Math.max(recorded.length, ours.length)
  return Array.from({ length }, (_, at) => fieldDifferences(recorded[at], ours[at], `${path}[${at}]`, bindings)).flat()
}

function setDifferences(recorded: unknown[], ours: unknown[], path: string, bindings: Bindings): string[] {
  const found = pair(recorded, ours, path, bindings)
  if (found !== undefined) {
    bindings.take(found)
    return []
  }
  return nearest(recorded, ours, path, bindings)
}

/** Finds each recorded item its own, with all names agreeing; undefined if there is no such assignment. */
function pair(recorded: unknown[], ours: unknown[], path: string, bindings: Bindings): Bindings | undefined {
  const [first, ...rest] = recorded
  if (recorded.length !== ours.length) return undefined
  if (first === undefined) return bindings
  for (const [at, candidate] of ours.entries()) {
    const trial = bindings.copy()
    if (differences(first, candidate, `${path}[]`, trial).length > 0) continue
    const found = pair(rest, ours.toSpliced(at, 1), path, trial)
    if (found !== undefined) return found
  }
  return undefined
}

/** Explains a mismatch: each recorded item beside the one that is most like it. */
function nearest(recorded: unknown[], ours: unknown[], path: string, bindings: Bindings): string[] {
  const left = [...ours]
  const lines: string[] = []
  for (const item of recorded) {
    const trials = left.map((candidate) => {
      const trial = bindings.copy()
      return { candidate, trial, lines: differences(item, candidate, `${path}[]`, trial) }
    })
    const best = trials.sort((a, b) => a.lines.length - b.lines.length)[0]
    if (best === undefined) lines.push(`${path}: missing ${JSON.stringify(item)}`)
    else {
      left.splice(left.indexOf(best.candidate), 1)
      bindings.take(best.trial)
      lines.push(...best.lines)
    }
  }
  const tooMany = left.map((item) => `${path}: too many: ${JSON.stringify(item)}`)
  return lines.length + tooMany.length > 0 ? [...lines, ...tooMany] : [`${path}: no consistent assignment`]
}
