import type { FakeTarget } from './fake-target.ts'
import type { Change, Effect, Item, KindSpec, LearntNumber, Part, Plan, Previous, Subject } from './types.ts'

/** What a subject of the toy part wants: a Service in small. */
export interface Want {
  createdMs: number
  /** By claim; they lead to the list. */
  addresses: string[]
  endpoints: string[]
  /** Shared with other subjects. */
  marks: string[]
  /** Another version is another list, with a number of its own. */
  version?: number
  /** A new list is written two endpoints at a time. */
  inPieces?: boolean
}

/** What the toy part plans from. */
export class World extends Map<Subject, Want> {
  /** Subjects whose plan throws, half-way. */
  readonly broken = new Set<Subject>()
  /** Subjects that are gone, and keep what they had until then. */
  readonly draining = new Map<Subject, { want: Want; untilMs: number }>()
}

export const toyKinds: Readonly<Record<string, KindSpec>> = {
  endpoint: { stage: 0, container: 'lists' },
  mark: { stage: 0, shared: true, container: 'marks' },
  list: { stage: 1, container: 'lists' },
  address: { stage: 2, container: () => 'addresses' },
}

/** The container of each kind, for the fake target. */
export const toyContainers = { endpoint: 'lists', mark: 'marks', list: 'lists', address: 'addresses' }

/** Kinds whose items carry their owner. */
export const toyOwned = ['address', 'list']

/** A part like the real ones in small: claims, numbers, shared items, slots, draining, effects, lists written in pieces. */
export function toyPart(world: World): Part {
  return {
    name: 'toy',
    kinds: toyKinds,
    plan: (subject, previous, nowMs) => {
      const want = world.get(subject)
      if (world.broken.has(subject)) throw new Error(`no plan for ${subject}, which had ${previous.number('v1')}`)
      if (want !== undefined) return planWant(subject, want, previous)
      const draining = world.draining.get(subject)
      const rank = { gone: true, createdMs: 0, name: subject }
      if (draining === undefined || draining.untilMs <= nowMs) return { items: [], rank }
      return { ...planWant(subject, draining.want, previous), rank, wakeAtMs: draining.untilMs }
    },
    learn: (found) =>
      found.flatMap(({ kind, key, value, subject, note }): LearntNumber[] =>
        subject && note ? [{ subject, name: note, number: Number(kind === 'list' ? key : value) }] : [],
      ),
    ownerOf: (item, byNumber) => (item.kind === 'endpoint' ? byNumber.get(Number(item.key.split('.')[0])) : undefined),
    effectsOf: forgetLeft,
  }
}

function planWant(subject: Subject, want: Want, previous: Previous): Plan {
  const rank = { gone: false, createdMs: want.createdMs, name: subject }
  const name = `v${(want.version ?? 0) % 2}`
  const list = previous.number(name)
  const isEndpoint = ({ kind, key }: Item): boolean => kind === 'endpoint' && key.startsWith(`${list}.`)
  const marks = want.marks.map((key): Item => ({ kind: 'mark', key, value: '' }))
  const endpoints = want.endpoints.map((value, slot): Item => ({ kind: 'endpoint', key: `${list}.${slot}`, value }))
  const written = previous.items.filter(isEndpoint).length
  if (want.inPieces && written + 2 < endpoints.length) {
    const old = previous.items.filter((item) => item.kind !== 'mark' && !isEndpoint(item))
    for (const other of ['v0', 'v1']) if (previous.held(other) !== undefined) previous.number(other)
    const kept = old.map((item) => (item.kind === 'address' ? { ...item, claim: item.key } : item))
    return { items: [...kept, ...marks, ...endpoints.slice(0, written + 2)], more: true, rank }
  }
  const items = [...endpoints, ...marks]
  if (want.addresses.length + endpoints.length > 0) {
    items.push({ kind: 'list', key: String(list), value: String(endpoints.length), note: name })
  }
  for (const key of want.addresses) items.push({ kind: 'address', key, value: String(list), note: name, claim: key })
  return { items, rank }
}

/** The same part, telling only what differs wherever it may. */
export function inDeltas(part: Part): Part {
  const plan: Part['plan'] = (subject, previous, nowMs) => {
    const full = part.plan(subject, previous, nowMs)
    const shape = JSON.stringify([full.rank, full.items.filter(({ claim }) => claim !== undefined)])
    if (previous.memo !== shape) return { ...full, memo: shape }
    const same = (a: Item, b: Item): boolean => a.kind === b.kind && a.key === b.key && a.value === b.value
    const remove = previous.items.filter((item) => !full.items.some((one) => same(one, item)))
    const add = full.items.filter((item) => !previous.items.some((one) => same(one, item)))
    return { ...full, items: [], delta: { remove, add }, memo: shape }
  }
  return { ...part, plan }
}

/** Endpoints that left, not those that only moved to another slot. */
function forgetLeft(changes: readonly Change[]): Effect[] {
  const endpoints = changes.filter(({ item }) => item.kind === 'endpoint')
  const added = new Set(endpoints.flatMap(({ op, item }) => (op === 'add' ? [item.value] : [])))
  return endpoints.flatMap(({ op, item }) =>
    op === 'delete' && !added.has(item.value) ? [{ kind: 'endpoint', key: item.value }] : [],
  )
}

/** What must be there, by the simplest reading of the rules; numbers are replaced by their subject. */
export function expectedOf(world: World, nowMs: number): Set<string> {
  const expected = new Set<string>()
  const all = [...world].map(([subject, want]) => ({ subject, want, gone: 0, createdMs: want.createdMs }))
  for (const [subject, { want, untilMs }] of world.draining) {
    if (untilMs > nowMs && !world.has(subject)) all.push({ subject, want, gone: 1, createdMs: 0 })
  }
  all.sort((a, b) => a.gone - b.gone || a.createdMs - b.createdMs || (a.subject < b.subject ? -1 : 1))
  const taken = new Set<string>()
  for (const { subject, want } of all) {
    for (const [slot, endpoint] of want.endpoints.entries()) expected.add(`endpoint ${subject}.${slot} ${endpoint}`)
    for (const mark of want.marks) expected.add(`mark ${mark}`)
    if (want.addresses.length + want.endpoints.length > 0) expected.add(`list ${subject} ${want.endpoints.length}`)
    for (const address of want.addresses) {
      if (!taken.has(address)) expected.add(`address ${address} ${subject}`)
      taken.add(address)
    }
  }
  return expected
}

/** What is there, with the numbers of lists replaced by their owners. */
export function seenIn(target: FakeTarget): Set<string> {
  const owner = new Map<string, Subject | undefined>()
  for (const { kind, key, subject } of target.items.values()) if (kind === 'list') owner.set(key, subject)
  const all = new Set<string>()
  for (const { kind, key, value } of target.items.values()) {
    const [list = '', slot] = key.split('.')
    if (kind === 'mark') all.add(`mark ${key}`)
    else if (kind === 'address') all.add(`address ${key} ${owner.get(value)}`)
    else if (kind === 'list') all.add(`list ${owner.get(key)} ${value}`)
    else all.add(`endpoint ${owner.get(list)}.${slot} ${value}`)
  }
  return all
}
