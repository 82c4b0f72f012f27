import type { Family } from '../../model/ip.ts'
import { errnoValues, KernelError } from '../errors.ts'
import { WeftError } from '../../model/error.ts'
import { hasPorts } from './codec.ts'
import { type Conntrack, type Flow, type FlowFilter, type FlowTuple, matches } from './types.ts'

/** A flow to be put into a table, as if its first packet had been seen. */
export interface NewFlow {
  family: Family
  protocol: number
  original: FlowTuple
  /** Where the destination is translated to. */
  to?: { address: string; port: number }
  zone?: number
  mark?: number
}

/** A table without a kernel: flows have ids, `forget` goes by tuple, zone and id. */
export class FakeConntrack implements Conntrack {
  readonly #flows = new Map<string, Flow>()
  #nextId = 1
  #failure: string | undefined

  /** How many flows each `forget` was given. */
  readonly forgotten: number[] = []

  get size(): number {
    return this.#flows.size
  }

  /** The next call of `flows` or `forget` fails with this errno, e.g. `EPERM`. */
  failNext(errno: string): void {
    this.#failure = errno
  }

  insert(flow: NewFlow): void {
    const { family, protocol, original, to, zone = 0, mark = 0 } = flow
    const reply: FlowTuple = {
      source: to?.address ?? original.destination,
      sourcePort: to?.port ?? original.destinationPort,
      destination: original.source,
      destinationPort: original.sourcePort,
    }
    const status = { seenReply: false, assured: false, snat: false, dnat: to !== undefined }
    const value: Flow = { family, protocol, original, reply, status, mark, zone, id: this.#nextId++ }
    const key = keyOf(value)
    if (this.#flows.has(key)) {
      throw new KernelError({ errno: errnoValues['EEXIST'] as number, operation: 'insert flow', where: key })
    }
    this.#flows.set(key, value)
  }

  async *flows(filter: FlowFilter): AsyncGenerator<Flow[]> {
    this.#failIfTold()
    const found = [...this.#flows.values()].filter((flow) => matches(flow, filter))
    for (let i = 0; i < found.length; i += 100) yield found.slice(i, i + 100)
  }

  forget(flows: readonly Flow[]): number {
    this.#failIfTold()
    for (const { protocol } of flows) {
      if (!hasPorts(protocol)) {
        throw new WeftError('no ports', { code: 'CONNTRACK_PROTOCOL', fault: 'internal' })
      }
    }
    this.forgotten.push(flows.length)
    const there = flows.filter((flow) => this.#flows.get(keyOf(flow))?.id === flow.id)
    for (const flow of there) this.#flows.delete(keyOf(flow))
    return there.length
  }

  #failIfTold(): void {
    const errno = this.#failure
    this.#failure = undefined
    if (errno !== undefined) throw new KernelError({ errno: errnoValues[errno] as number, operation: 'conntrack' })
  }
}

const keyOf = ({ family, protocol, zone, original }: Flow): string =>
  `${family} ${protocol} ${zone} ${original.source} ${original.sourcePort} ${original.destination} ${original.destinationPort}`
