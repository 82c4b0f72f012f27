import {
  type Conntrack,
  type Flow,
  type FlowFilter,
  type FlowTuple,
  protocolNumbers,
} from '../../kernel/conntrack/types.ts'
import type { Family } from '../../model/ip.ts'

/** When to look after a flow was forgotten: soon, and after whatever time a loaded server takes to answer. */
const looksMs = [250, 1000, 5000]
/** So often a flow that came back is forgotten, each time with all looks after it: then it is somebody's who begins it anew. */
const mostTimes = 10
/** Beyond so many they are not asked for one by one. */
const askedSingly = 4

/**
 * Flows of clients that a program of this node answered, at an address that has come to a Service. Forgotten between a client's packet and its answer, such a flow comes back the other way round: the
 * answer opens it, from the Service's address to the client, and the client's next packet belongs to it, untranslated. So those are looked for a little later, and forgotten too.
 */
export class AnsweredFlows {
  readonly #conntrack: Conntrack
  readonly #family: Family

  constructor(conntrack: Conntrack, family: Family) {
    this.#conntrack = conntrack
    this.#family = family
  }

  /** These were forgotten just now. Returns at once; failures are let be, as the table may be gone by then. */
  watch(flows: readonly Flow[]): void {
    const answers = flows.filter(({ status }) => !status.dnat && !status.snat).map(answerOf)
    if (answers.length > 0) this.#later(answers, 0, mostTimes)
  }

  #later(answers: readonly FlowTuple[], look: number, times: number): void {
    const delayMs = looksMs[look]
    if (delayMs === undefined || times === 0) return
    setTimeout(() => {
      this.#forget(answers).then(
        (found) => (found > 0 ? this.#later(answers, 0, times - 1) : this.#later(answers, look + 1, times)),
        () => {},
      )
    }, delayMs).unref()
  }

  async #forget(answers: readonly FlowTuple[]): Promise<number> {
    const wanted = new Set(answers.map(textOf))
    const filters = answers.length <= askedSingly ? answers.map((original) => ({ original })) : [{}]
    let found = 0
    for (const filter of filters) {
      for await (const flows of this.#flows(filter)) {
        const back = flows.filter(
          ({ original, status }) => wanted.has(textOf(original)) && !status.dnat && !status.snat,
        )
        found += this.#conntrack.forget(back)
      }
    }
    return found
  }

  #flows(filter: Omit<FlowFilter, 'family'>): AsyncGenerator<Flow[]> {
    return this.#conntrack.flows({ family: this.#family, protocol: protocolNumbers.udp, ...filter })
  }
}

/** What opens the flow if it comes back. */
const answerOf = ({ original }: Flow): FlowTuple => ({
  source: original.destination,
  sourcePort: original.destinationPort,
  destination: original.source,
  destinationPort: original.sourcePort,
})

const textOf = ({ source, sourcePort, destination, destinationPort }: FlowTuple): string =>
  [source, sourcePort, destination, destinationPort].join(' ')
