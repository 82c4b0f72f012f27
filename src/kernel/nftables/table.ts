import { WeftError } from '../../model/error.ts'
import { isNotFound } from '../errors.ts'
import { borrowSocket, type Loan } from '../netlink/lent-sockets.ts'
import { type NetlinkSocket, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { Batch } from './batch.ts'
import * as c from './constants.ts'
import { ElementDecoder, type SetShape, shapeOf } from './elements.ts'
import { breathe, dumpBreathing, dumpNow, eachObject, get } from './request.ts'
import { readTable } from './ruleset.ts'
import { countRuns, runs, writeRun } from './runs.ts'
import type { Element, ElementChange, ElementTable, Family, TableInfo, TableOptions } from './types.ts'

const operation = 'change elements of'
const mostSpare = 2

/**
 * The data of one table of nf_tables, by raw netlink. The table, its sets and rules are made elsewhere (ruleset.ts, as text); this reads and writes elements.
 * The shapes given must be the sets' own: the kernel checks lengths, not meanings.
 */
export class NftTable implements ElementTable {
  readonly family: Family
  readonly name: string
  readonly #namespace: NetworkNamespace | undefined
  readonly #owner: NetlinkSocket | undefined
  readonly #shapes: ReadonlyMap<string, SetShape>
  #batch: Batch | undefined
  /** For transactions beside the event loop: one that the kernel has, and one that is being written. */
  readonly #spare: Batch[] = []
  #turn: Promise<void> = Promise.resolve()

  constructor(options: TableOptions) {
    this.family = options.family
    this.name = options.name
    this.#namespace = options.namespace
    this.#owner = options.owner
    this.#shapes = new Map(options.sets.map((spec) => [spec.name, shapeOf(spec)]))
  }

  /**
   * See ElementTable. Synchronous: when it returns the change is made. Runs of one operation on one set are packed into messages of at most 1,000 elements;
   * what fails is named exactly where the kernel points at an element, else as all changes of its message. After ENOBUFS or EPROTO the outcome is unknown.
   */
  apply(changes: readonly ElementChange[]): void {
    if (changes.length === 0) return
    const shared = sharedSocket(c.NETLINK_NETFILTER, this.#namespace)
    this.#batch ??= new Batch(this.#owner ?? shared, shared)
    this.#write(this.#batch, changes)
    this.#batch.commit(operation, this.#where())
  }

  /**
   * Like `apply`, with the kernel's work beside the event loop: for thousands of changes. May be called again before the first call has answered: transactions are made in turn, and
   * while the kernel makes one the next is put into bytes. Do not call `apply` meanwhile.
   */
  async applyInBackground(changes: readonly ElementChange[]): Promise<void> {
    if (changes.length === 0) return
    const { socket, giveBack } = this.#lonelySocket()
    const batch = this.#spare.pop() ?? new Batch(socket, sharedSocket(c.NETLINK_NETFILTER, this.#namespace))
    const before = this.#turn
    let done = (): void => {}
    this.#turn = new Promise((resolve) => (done = resolve))
    try {
      this.#write(batch, changes, socket)
      await before
      await batch.commitInBackground(socket, operation, this.#where())
    } finally {
      await before
      done()
      giveBack(true)
      if (this.#spare.length < mostSpare) this.#spare.push(batch)
    }
  }

  #write(batch: Batch, changes: readonly ElementChange[], socket?: NetlinkSocket): void {
    batch.begin(countRuns(changes) + changes.length, socket)
    for (const run of runs(changes)) {
      writeRun(batch, this, this.#shape((changes[run.first] as ElementChange).element.set), changes, run)
    }
  }

  /** The owner's alone may change the table; else one that nobody asks anything through meanwhile. */
  #lonelySocket(): Loan {
    if (this.#owner !== undefined) return { socket: this.#owner, giveBack: () => {} }
    return borrowSocket(c.NETLINK_NETFILTER, this.#namespace)
  }

  /**
   * See ElementTable. The whole set is received first, starting over when a change comes in between, and decoded piece by piece.
   * @throws KernelError ENOENT (no table, no set), EINTR (changed by others during each of several attempts); WireError when the set has another shape
   */
  async *dump(set: string): AsyncGenerator<Element[]> {
    const shape = this.#shape(set)
    const datagrams = await this.#received(set)
    const decoder = new ElementDecoder(shape)
    for (const datagram of datagrams) {
      const elements: Element[] = []
      eachObject(datagram, (attributes) => decoder.message(attributes, elements))
      if (elements.length > 0) {
        yield elements
        await breathe()
      }
    }
    const rest = decoder.rest()
    if (rest.length > 0) yield rest
  }

  /** A socket of its own: a dump that lets the event loop run must not meet the answers of other requests. */
  async #received(set: string): Promise<Buffer[]> {
    const { socket, giveBack } = borrowSocket(c.NETLINK_NETFILTER, this.#namespace)
    let whole = false
    try {
      const datagrams = await dumpBreathing(socket, {
        type: c.NFT_MSG_GETSETELEM,
        family: this.family,
        strings: [
          [c.NFTA_SET_ELEM_LIST_TABLE, this.name],
          [c.NFTA_SET_ELEM_LIST_SET, set],
        ],
        operation: 'list elements of',
        where: this.#where(set),
      })
      whole = true
      return datagrams
    } finally {
      giveBack(whole)
    }
  }

  /** Whether the table is there, and its comment. */
  info(): TableInfo {
    try {
      const { comment } = get(
        sharedSocket(c.NETLINK_NETFILTER, this.#namespace),
        {
          type: c.NFT_MSG_GETTABLE,
          family: this.family,
          strings: [[c.NFTA_TABLE_NAME, this.name]],
          operation: 'get',
          where: this.#where(),
        },
        readTable,
      )
      return { exists: true, ...(comment !== undefined && { comment }) }
    } catch (error) {
      if (isNotFound(error)) return { exists: false }
      throw error
    }
  }

  /** Chain name → number of rules. Synchronous: about 4 µs a rule. */
  chains(): Map<string, number> {
    const socket = sharedSocket(c.NETLINK_NETFILTER, this.#namespace)
    const counts = new Map<string, number>()
    const chains = { type: c.NFT_MSG_GETCHAIN, operation: 'list chains of' }
    const rules = {
      type: c.NFT_MSG_GETRULE,
      operation: 'list rules of',
      strings: [[c.NFTA_RULE_TABLE, this.name]] as const,
    }
    const request = { family: this.family, where: this.#where() }
    for (const datagram of dumpNow(socket, { ...request, ...chains })) {
      for (const name of this.#named(datagram, c.NFTA_CHAIN_TABLE, c.NFTA_CHAIN_NAME)) counts.set(name, 0)
    }
    for (const datagram of dumpNow(socket, { ...request, ...rules })) {
      for (const name of this.#named(datagram, c.NFTA_RULE_TABLE, c.NFTA_RULE_CHAIN)) {
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    }
    return counts
  }

  /** Chain names in a dump of chains or rules, of this table only. */
  #named(datagram: Buffer, tableAttribute: number, nameAttribute: number): string[] {
    const names: string[] = []
    eachObject(datagram, (attributes) => {
      let table = ''
      let name = ''
      while (attributes.next()) {
        if (attributes.type === tableAttribute) table = attributes.string()
        else if (attributes.type === nameAttribute) name = attributes.string()
      }
      if (table === this.name) names.push(name)
    })
    return names
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

  #where(set?: string): string {
    return set === undefined ? `table ${this.family} ${this.name}` : `set ${this.family} ${this.name} ${set}`
  }
}
