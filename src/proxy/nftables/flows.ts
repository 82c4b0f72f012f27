import { type Conntrack, type Flow, type FlowFilter, protocolNumbers } from '../../kernel/conntrack/types.ts'
import type { Family } from '../../model/ip.ts'
import type { Effect, KnownItems } from '../../reconcile/types.ts'
import { AnsweredFlows } from './answered-flows.ts'
import { type FlowSelector, flowKey, forgetFlows, parseFlowKey } from './effects.ts'
import { FlowJudge } from './flow-judge.ts'

/** Up to this many selections are asked for one by one, each filtered by the kernel; beyond, one listing of all UDP flows serves them all. */
const askedSingly = 4

/**
 * The UDP flows of one family that the kernel keeps: to it a client that goes on sending from one port is one connection for ever, so the flows of an endpoint that
 * left must be forgotten for the next packet to be balanced anew. TCP ends by itself, and SCTP associations are their peers' own business.
 */
export class ServiceFlows {
  readonly #conntrack: Conntrack
  readonly #family: Family
  readonly #isServing: ((flow: Flow) => boolean) | undefined
  readonly #answered: AnsweredFlows
  /** Flows forgotten so far. */
  forgotten = 0

  /** @param isServing see FlowJudge */
  constructor(conntrack: Conntrack, family: Family, isServing?: (flow: Flow) => boolean) {
    this.#conntrack = conntrack
    this.#family = family
    this.#isServing = isServing
    this.#answered = new AnsweredFlows(conntrack, family)
  }

  /** Runs effects of the kind `forget-flows`: judges each flow that they select by what is wanted now. @throws KernelError */
  async forget(effects: readonly Effect[], known: KnownItems): Promise<void> {
    const selectors = effects
      .filter(({ kind }) => kind === forgetFlows)
      .flatMap(({ key }) => parseFlowKey(key) ?? [])
      .filter(({ protocol }) => protocol === 'udp')
    if (selectors.length === 0) return
    const selection = new Selection(selectors)
    const filters = selectors.length <= askedSingly ? selectors.map(filterOf) : [{}]
    for (const filter of filters) {
      for await (const flows of this.#flows(filter)) {
        const judge = new FlowJudge(known, this.#isServing)
        const stale = flows.filter((flow) => selection.isStale(flow, judge))
        this.forgotten += this.#conntrack.forget(stale)
        this.#answered.watch(stale)
      }
    }
  }

  /** Looks at all UDP flows for those that a crash or a loss left behind; yields the effects that will forget them. */
  async *sweep(known: KnownItems): AsyncGenerator<readonly Effect[]> {
    const told = new Set<string>()
    for await (const flows of this.#flows({})) {
      const judge = new FlowJudge(known, this.#isServing)
      const effects: Effect[] = []
      for (const flow of flows) {
        const key = judge.isStale(flow, false) ? flowKey(selectorOf(flow, judge)) : undefined
        if (key === undefined || told.has(key)) continue
        told.add(key)
        effects.push({ kind: forgetFlows, key })
      }
      if (effects.length > 0) yield effects
    }
  }

  #flows(filter: Omit<FlowFilter, 'family'>): AsyncGenerator<Flow[]> {
    return this.#conntrack.flows({ family: this.#family, protocol: protocolNumbers.udp, ...filter })
  }
}

/** `address . port` of both families, as elements have it. */
function parsePair(text: string): { address: string; port: number } {
  const at = text.lastIndexOf(' . ')
  return { address: text.slice(0, at), port: Number(text.slice(at + 3)) }
}

function filterOf({ select, at }: FlowSelector): Omit<FlowFilter, 'family'> {
  if (select === 'to-node-port') return { original: { destinationPort: Number(at) } }
  if (select === 'to-node') return { original: { destination: at } }
  const { address, port } = parsePair(at)
  return select === 'from'
    ? { reply: { source: address, sourcePort: port } }
    : { original: { destination: address, destinationPort: port } }
}

const selectorOf = (flow: Flow, judge: FlowJudge): FlowSelector =>
  judge.servedBy(flow) === 'nodeports'
    ? { select: 'to-node-port', protocol: 'udp', at: String(flow.original.destinationPort) }
    : { select: 'to', protocol: 'udp', at: `${flow.original.destination} . ${flow.original.destinationPort}` }

/** What several effects select, for a lookup by flow. */
class Selection {
  readonly #from = new Set<string>()
  readonly #to = new Set<string>()
  readonly #toNodePort = new Set<string>()
  readonly #toNode = new Set<string>()

  constructor(selectors: readonly FlowSelector[]) {
    for (const { select, at } of selectors) {
      if (select === 'from') this.#from.add(at)
      else if (select === 'to') this.#to.add(at)
      else if (select === 'to-node') this.#toNode.add(at)
      else this.#toNodePort.add(at)
    }
  }

  isStale(flow: Flow, judge: FlowJudge): boolean {
    const { original, reply } = flow
    const to = this.#to.has(`${original.destination} . ${original.destinationPort}`)
    const toNodePort = this.#toNodePort.has(String(original.destinationPort)) && judge.onNodePortAddress(flow)
    const from = this.#from.has(`${reply.source} . ${reply.sourcePort}`)
    // What has not been a Service's is not released either: a translation that leads elsewhere is somebody else's.
    const toNode = this.#toNode.has(original.destination) && judge.servedBy(flow) === 'nodeports'
    return (to || toNodePort || from || toNode) && judge.isStale(flow, to || toNodePort)
  }
}
