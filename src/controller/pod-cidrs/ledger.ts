import { type CIDR, formatCIDR, parseCIDR } from '../../model/ip.ts'
import { Blocks } from './blocks.ts'
import type { NodeRange } from './range.ts'
import type { RangedNode } from './view.ts'

interface Holding {
  uid: string
  cidrs: readonly CIDR[]
  /** Given by us and not seen in the Node yet. */
  assigned: boolean
  text: readonly string[]
}

/**
 * Who has which blocks, and who is to get which: part of the view, so that plans stay pure. A block that was chosen for a Node stays its own until
 * the Node shows it, shows something else, or goes: whether the write succeeded, failed or was never answered.
 *
 * Not the reconciler's numbers: those come from one pool and are learnt at adoption only. A pod CIDR is also given by others, at any time and of any
 * size (kube-controller-manager, a person, an older mask), there is one pool a family, and the next is looked for behind the last.
 */
export class Ledger {
  readonly #blocks: readonly Blocks[]
  readonly #holdings = new Map<string, Holding>()
  readonly #waiting = new Map<string, RangedNode>()

  constructor(ranges: readonly NodeRange[], serviceCIDRs: readonly CIDR[]) {
    this.#blocks = ranges.map((range) => new Blocks(range))
    for (const cidr of serviceCIDRs) for (const blocks of this.#blocks) blocks.occupy(cidr)
  }

  /**
   * Nodes are so now (undefined: gone). Those without pod CIDRs get a block of each range, the oldest first; a Node gets all or nothing. Returns the
   * names of those that were given something by this call, who may have waited for long.
   */
  update(nodes: Iterable<readonly [name: string, node: RangedNode | undefined]>): Set<string> {
    for (const [name, node] of nodes) this.#note(name, node)
    return this.#assign()
  }

  /** What we chose for the Node and its object does not show yet, in the order of the ranges. */
  assigned(name: string, uid: string): readonly string[] | undefined {
    const holding = this.#holdings.get(name)
    return holding?.assigned && holding.uid === uid ? holding.text : undefined
  }

  /** The ranges that have nothing left. */
  get full(): NodeRange[] {
    return this.#blocks.flatMap((blocks) => (blocks.isFull ? [blocks.range] : []))
  }

  #note(name: string, node: RangedNode | undefined): void {
    const before = this.#holdings.get(name)
    if (node === undefined) {
      this.#waiting.delete(name)
      this.#release(name)
    } else if (node.podCIDRs.length === 0) {
      if (before?.assigned && before.uid === node.uid) return
      this.#release(name)
      this.#waiting.set(name, node)
    } else {
      this.#waiting.delete(name)
      if (before?.uid === node.uid && !before.assigned && before.text.join() === node.podCIDRs.join()) return
      this.#release(name)
      this.#hold(name, node)
    }
  }

  /** Takes what a Node has already; what is no CIDR, or outside of the ranges, is in nobody's way. */
  #hold(name: string, { uid, podCIDRs }: RangedNode): void {
    const cidrs = podCIDRs.flatMap((text) => parseCIDR(text) ?? [])
    for (const cidr of cidrs) for (const blocks of this.#blocks) blocks.occupy(cidr)
    this.#holdings.set(name, { uid, cidrs, assigned: false, text: podCIDRs })
  }

  #release(name: string): void {
    for (const cidr of this.#holdings.get(name)?.cidrs ?? []) for (const blocks of this.#blocks) blocks.release(cidr)
    this.#holdings.delete(name)
  }

  #assign(): Set<string> {
    const given = new Set<string>()
    if (this.#waiting.size === 0) return given
    for (const { name, uid } of [...this.#waiting.values()].sort(byAge)) {
      const cidrs = this.#take()
      if (cidrs === undefined) break
      this.#holdings.set(name, { uid, cidrs, assigned: true, text: cidrs.map(formatCIDR) })
      this.#waiting.delete(name)
      given.add(name)
    }
    return given
  }

  #take(): CIDR[] | undefined {
    if (this.#blocks.some(({ isFull }) => isFull)) return undefined
    return this.#blocks.flatMap((blocks) => blocks.take() ?? [])
  }
}

const names = new Intl.Collator('en', { numeric: true })

/** node-2 before node-10, where both were made in the same second. */
const byAge = (a: RangedNode, b: RangedNode): number => a.createdMs - b.createdMs || names.compare(a.name, b.name)
