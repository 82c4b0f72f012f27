import type { Delta, Item } from '../../reconcile/types.ts'

/** The slots of one large list, kept from plan to plan. Follows the rules of assignSlots: a newcomer takes a freed slot, holes are filled from the end. */
export class SlotList {
  readonly #list: number
  readonly #values: string[] = []
  readonly #slots = new Map<string, number>()

  /** @param items of the list's last plan: kind `endpoints`, any other is passed over */
  constructor(list: number, items: Iterable<Item>) {
    this.#list = list
    const prefix = `${list} . `
    for (const { kind, key, value } of items) {
      if (kind !== 'endpoints' || !key.startsWith(prefix)) continue
      const slot = Number(key.slice(prefix.length))
      this.#values[slot] = value
      this.#slots.set(value, slot)
    }
  }

  get list(): number {
    return this.#list
  }

  /** @param left and came are values; what left was there, and what came was not */
  change(left: readonly string[], came: readonly string[]): { remove: Item[]; add: Item[] } {
    const touched = new Map<number, string | undefined>()
    const free = left.map((value) => this.#take(value, touched)).toSorted((a, b) => b - a)
    for (const value of came) this.#put(free.pop() ?? this.#values.length, value, touched)
    // Highest first: a hole at the end is no hole.
    for (const hole of free.toSorted((a, b) => b - a)) {
      const last = this.#values.length - 1
      const moved = this.#values[last] as string
      if (!touched.has(last)) touched.set(last, moved)
      this.#values.length = last
      if (hole < last) this.#put(hole, moved, touched)
    }
    return this.#delta(touched)
  }

  #take(value: string, touched: Map<number, string | undefined>): number {
    const slot = this.#slots.get(value) as number
    this.#slots.delete(value)
    touched.set(slot, value)
    return slot
  }

  #put(slot: number, value: string, touched: Map<number, string | undefined>): void {
    if (!touched.has(slot)) touched.set(slot, this.#values[slot])
    this.#values[slot] = value
    this.#slots.set(value, slot)
  }

  #delta(touched: ReadonlyMap<number, string | undefined>): { remove: Item[]; add: Item[] } {
    const delta: { remove: Item[]; add: Item[] } = { remove: [], add: [] }
    for (const [slot, old] of touched) {
      const now = this.#values[slot]
      if (old === now) continue
      const key = `${this.#list} . ${slot}`
      if (old !== undefined) delta.remove.push({ kind: 'endpoints', key, value: old })
      if (now !== undefined) delta.add.push({ kind: 'endpoints', key, value: now })
    }
    return delta
  }
}

export const joinDeltas = (deltas: readonly Delta[]): Delta => ({
  remove: deltas.flatMap(({ remove }) => remove),
  add: deltas.flatMap(({ add }) => add),
})
