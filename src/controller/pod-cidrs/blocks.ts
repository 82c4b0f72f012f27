import type { CIDR } from '../../model/ip.ts'
import { blockAt, blocksIn, blocksTouched, type NodeRange } from './range.ts'

/**
 * Which blocks of a range are taken. The next one is looked for behind the last one given, around the end and from the start again, as
 * kube-controller-manager does it (pkg/controller/nodeipam/ipam/cidrset): a block that was freed rests for as long as possible, so that what
 * still remembers its old owner (routes, connections) forgets it first.
 */
export class Blocks {
  readonly range: NodeRange
  /** How many hold each block: two Nodes may overlap, and each gives back only its own hold. */
  readonly #holders: Uint16Array
  #taken = 0
  #next = 0

  constructor(range: NodeRange) {
    this.range = range
    this.#holders = new Uint16Array(blocksIn(range))
  }

  get isFull(): boolean {
    return this.#taken === this.#holders.length
  }

  /** The next free block, held from now on; undefined if there is none. */
  take(): CIDR | undefined {
    const size = this.#holders.length
    for (let tried = 0; tried < size && !this.isFull; tried++) {
      const index = (this.#next + tried) % size
      if (this.#holders[index] !== 0) continue
      this.#next = (index + 1) % size
      this.#hold(index)
      return blockAt(this.range, index)
    }
    return undefined
  }

  /** Every block that the prefix touches is taken, for as long as it is not released. Any length: what lies outside touches none. */
  occupy(cidr: CIDR): void {
    for (const index of this.#touched(cidr)) this.#hold(index)
  }

  /** Gives back what occupy() or take() took, once for each call of those. */
  release(cidr: CIDR): void {
    for (const index of this.#touched(cidr)) {
      const holders = (this.#holders[index] as number) - 1
      this.#holders[index] = holders
      if (holders === 0) this.#taken--
    }
  }

  #hold(index: number): void {
    if (this.#holders[index] === 0) this.#taken++
    this.#holders[index] = (this.#holders[index] as number) + 1
  }

  *#touched(cidr: CIDR): Generator<number> {
    const touched = blocksTouched(this.range, cidr)
    if (touched === undefined) return
    for (let index = touched[0]; index <= touched[1]; index++) yield index
  }
}
