import { WeftError } from '../../model/error.ts'
import { errnoValues, KernelError } from '../errors.ts'
import { AttributeReader, MessageWriter } from '../netlink/codec.ts'
import { NFTA_SET_ELEM_LIST_ELEMENTS } from './constants.ts'
import { ElementDecoder, type SetShape, shapeOf, writeElement } from './elements.ts'
import { writeRanges } from './intervals.ts'
import { breathe } from './request.ts'
import { runs } from './runs.ts'
import type { Element, ElementChange, ElementTable, Family, TableInfo, TableOptions } from './types.ts'

export interface FakeOptions extends TableOptions {
  comment?: string
  chains?: ReadonlyMap<string, number>
}

type Contents = Map<string, Map<string, Element>>

/** Elements in one piece of a dump. */
const DUMP_PIECE = 500

/**
 * A table that is only in memory, with the kernel's semantics: whole transactions, EEXIST, ENOENT, overlapping intervals, text in the kernel's form. It passes the same
 * conformance suite. For tests of whatever writes elements: failures can be ordered, and others can change it.
 */
export class FakeNftTable implements ElementTable {
  readonly family: Family
  readonly name: string
  /** Goes up with each transaction, ours or foreign. */
  generation = 1
  /** Transactions that were committed through `apply`. */
  readonly applied: (readonly ElementChange[])[] = []
  readonly #shapes: ReadonlyMap<string, SetShape>
  #contents: Contents | undefined
  #comment: string | undefined
  #chains: ReadonlyMap<string, number>
  #ordered: ((changes: readonly ElementChange[]) => KernelError | undefined)[] = []
  #refuses: ((change: ElementChange) => string | undefined) | undefined

  constructor(options: FakeOptions) {
    this.family = options.family
    this.name = options.name
    this.#shapes = new Map(options.sets.map((spec) => [spec.name, shapeOf(spec)]))
    this.#comment = options.comment
    this.#chains = options.chains ?? new Map()
    this.restore()
  }

  apply(changes: readonly ElementChange[]): void {
    if (changes.length === 0) return
    const canonical = changes.map(({ op, element }) => ({ op, element: this.#canonical(element, op) }))
    const error = this.#ordered.shift()?.(changes)
    if (error) throw error
    this.#commit(canonical)
    this.applied.push(changes)
  }

  async *dump(set: string): AsyncGenerator<Element[]> {
    this.#shape(set)
    const elements = this.#of(this.#contents, set, 'list elements of').values()
    const all = [...elements].map((element) => ({ ...element }))
    for (let at = 0; at < all.length; at += DUMP_PIECE) {
      yield all.slice(at, at + DUMP_PIECE)
      await breathe()
    }
  }

  info(): TableInfo {
    if (!this.#contents) return { exists: false }
    return { exists: true, ...(this.#comment !== undefined && { comment: this.#comment }) }
  }

  chains(): Map<string, number> {
    return new Map(this.#contents ? this.#chains : [])
  }

  /** What a set holds, by key. */
  elements(set: string): ReadonlyMap<string, Element> {
    return this.#of(this.#contents, set, 'list elements of')
  }

  /** The next `apply` fails as a whole. @param failed indexes that the error names; default: all */
  failNext(errnoName: string, failed?: readonly number[]): void {
    this.#ordered.push((changes) => this.#error(errnoName, this.#where(), failed ?? [...changes.keys()]))
  }

  /** From now on every change for which an errno's name is returned is refused; undefined ends it. */
  refuse(refuses: ((change: ElementChange) => string | undefined) | undefined): void {
    this.#refuses = refuses
  }

  /** Changes made by somebody else. */
  foreign(changes: readonly ElementChange[]): void {
    this.#commit(changes.map(({ op, element }) => ({ op, element: this.#canonical(element, op) })))
  }

  /** Somebody flushes one set, or all of them. */
  flush(set?: string): void {
    for (const [name, elements] of this.#contents ?? []) if (set === undefined || set === name) elements.clear()
    this.generation++
  }

  /** Somebody deletes the table (`nft flush ruleset`). */
  remove(): void {
    this.#contents = undefined
    this.generation++
  }

  /** The table is made anew, empty. */
  restore(comment = this.#comment, chains = this.#chains): void {
    this.#contents = new Map([...this.#shapes.keys()].map((name) => [name, new Map()]))
    this.#comment = comment
    this.#chains = chains
    this.generation++
  }

  #commit(changes: readonly ElementChange[]): void {
    const next: Contents | undefined = this.#contents && new Map(this.#contents)
    const copied = new Set<string>()
    const failed: number[] = []
    let first: KernelError | undefined
    for (const run of runs(changes)) {
      const error = this.#message(changes, run.first, run.after, next, copied)
      if (!error) continue
      first ??= error
      failed.push(...error.failed)
    }
    if (first) throw this.#error(first.errnoName, first.where ?? '', failed)
    this.#contents = next
    this.generation++
  }

  /** One message: the kernel stops at its first bad element, and goes on with the next message. */
  #message(
    changes: readonly ElementChange[],
    first: number,
    after: number,
    contents: Contents | undefined,
    copied: Set<string>,
  ): KernelError | undefined {
    const set = (changes[first] as ElementChange).element.set
    if (!contents?.has(set)) {
      const indexes = Array.from({ length: after - first }, (_, i) => first + i)
      return this.#error('ENOENT', this.#where(set), indexes)
    }
    if (!copied.has(set)) contents.set(set, new Map(contents.get(set)))
    copied.add(set)
    const elements = contents.get(set) as Map<string, Element>
    for (let index = first; index < after; index++) {
      const change = changes[index] as ElementChange
      const errno = this.#refuses?.(change) ?? this.#change(change, elements)
      if (errno) return this.#error(errno, this.#where(set), [index])
    }
    return undefined
  }

  #change({ op, element }: ElementChange, elements: Map<string, Element>): string | undefined {
    const known = elements.get(element.key)
    if (op === 'delete') return elements.delete(element.key) ? undefined : 'ENOENT'
    if (known) return known.data === element.data ? undefined : 'EEXIST'
    const shape = this.#shape(element.set)
    if (shape.spec.interval && clashes(shape, element.key, elements.keys())) return 'EEXIST'
    elements.set(element.key, element)
    return undefined
  }

  /** The element as a dump would show it. @throws WeftError for text that is no such element */
  #canonical(element: Element, op: 'add' | 'delete'): Element {
    const writer = new MessageWriter(1024)
    const shape = this.#shape(element.set)
    writeElement(writer, { ...shape, data: op === 'add' ? shape.data : undefined }, element, op)
    const wrapped = new MessageWriter(writer.position + 16)
    const list = wrapped.beginNest(NFTA_SET_ELEM_LIST_ELEMENTS)
    wrapped.position += writer.written().copy(wrapped.bytes, wrapped.position)
    wrapped.endAttribute(list)
    const decoder = new ElementDecoder(op === 'add' ? shape : { ...shape, data: undefined })
    const elements: Element[] = []
    decoder.message(new AttributeReader(wrapped.bytes, 0, wrapped.position), elements)
    return [...elements, ...decoder.rest()][0] as Element
  }

  #of(contents: Contents | undefined, set: string, operation: string): Map<string, Element> {
    const elements = contents?.get(set)
    if (elements) return elements
    throw new KernelError({ errno: errnoValues['ENOENT'] as number, operation, where: this.#where(set) })
  }

  #shape(set: string): SetShape {
    const shape = this.#shapes.get(set)
    if (shape) return shape
    throw new WeftError(`the table ${this.name} was described without a set ${set}`, {
      code: 'NFT_SET_UNKNOWN',
      fault: 'internal',
      where: set,
    })
  }

  #error(errnoName: string, where: string, failed: readonly number[]): KernelError {
    const errno = errnoValues[errnoName]
    if (errno === undefined) throw new TypeError(`${errnoName} is not an errno`)
    return new KernelError({ errno, operation: 'change elements of', where, failed })
  }

  #where(set?: string): string {
    return set === undefined ? `table ${this.family} ${this.name}` : `set ${this.family} ${this.name} ${set}`
  }
}

/** Whether the kernel refuses the interval beside those that are there. */
function clashes(shape: SetShape, key: string, others: Iterable<string>): boolean {
  const mine = bounds(shape, key)
  for (const other of others) {
    const theirs = bounds(shape, other)
    const inside = covers(shape, theirs, mine.first) || covers(shape, theirs, mine.last)
    // With one field (nft_set_rbtree.c) any overlap is refused; of a concatenation (nft_set_pipapo.c) a range around an older one passes.
    if (inside || (shape.key.types.length === 1 && covers(shape, mine, theirs.first))) return true
  }
  return false
}

interface Bounds {
  first: Buffer
  last: Buffer
}

function bounds(shape: SetShape, key: string): Bounds {
  const first = Buffer.alloc(shape.key.length)
  const last = Buffer.alloc(shape.key.length)
  writeRanges(shape.key, key, first, last)
  return { first, last }
}

function covers({ key }: SetShape, range: Bounds, point: Buffer): boolean {
  return key.offsets.every((at, index) => {
    const end = key.offsets[index + 1] ?? key.length
    return point.compare(range.first, at, end, at, end) >= 0 && point.compare(range.last, at, end, at, end) <= 0
  })
}
