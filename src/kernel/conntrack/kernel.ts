import { errnoValues, KernelError } from '../errors.ts'
import { MessageReader, MessageWriter } from '../netlink/codec.ts'
import * as n from '../netlink/constants.ts'
import { dumpInBackground } from '../netlink/dump.ts'
import { borrowSocket } from '../netlink/lent-sockets.ts'
import { drainAnswers, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { readFlow, writeDelete, writeGet } from './codec.ts'
import { type Conntrack, type Flow, type FlowFilter, matches } from './types.ts'

const { EINTR, ENOENT } = errnoValues as { EINTR: number; ENOENT: number }

/** As many attempts as kube-proxy makes. */
const DUMP_ATTEMPTS = 5
/** In one send; each is answered. */
const FORGET_CHUNK = 200

/** The connection-tracking table of a network namespace, by nfnetlink. The process's own namespace if none is given. */
export class KernelConntrack implements Conntrack {
  readonly #namespace: NetworkNamespace | undefined

  constructor(namespace?: NetworkNamespace) {
    this.#namespace = namespace
  }

  async *flows(filter: FlowFilter): AsyncGenerator<Flow[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        const whole = yield* this.#dump(filter)
        if (whole || attempt === DUMP_ATTEMPTS) return
      } catch (error) {
        const interrupted = error instanceof KernelError && error.errno === EINTR
        if (!interrupted || attempt === DUMP_ATTEMPTS) throw error
      }
    }
  }

  /** One attempt; false: it was interrupted. A socket of its own, as the event loop runs meanwhile: the kernel takes a third of a microsecond for each flow that does not match. */
  async *#dump(filter: FlowFilter): AsyncGenerator<Flow[], boolean> {
    const { socket, giveBack } = borrowSocket(n.NETLINK_NETFILTER, this.#namespace)
    let whole = false
    try {
      const datagrams = dumpInBackground(socket, {
        operation: 'list flows of',
        where: `conntrack ${filter.family}`,
        encode: (writer, flags, sequence) => writeGet(writer, flags, sequence, filter),
      })
      for (;;) {
        const step = await datagrams.next()
        whole = step.done === true
        if (step.done) return step.value
        const flows = flowsIn(step.value).filter((flow) => matches(flow, filter))
        if (flows.length > 0) yield flows
      }
    } finally {
      giveBack(whole)
    }
  }

  forget(flows: readonly Flow[]): number {
    let forgotten = 0
    for (let i = 0; i < flows.length; i += FORGET_CHUNK) forgotten += this.#forget(flows.slice(i, i + FORGET_CHUNK))
    return forgotten
  }

  #forget(flows: readonly Flow[]): number {
    const socket = sharedSocket(n.NETLINK_NETFILTER, this.#namespace)
    const writer = new MessageWriter()
    const first = socket.sequences(flows.length)
    for (const [i, flow] of flows.entries()) writeDelete(writer, n.NLM_F_ACK, first + i, flow)
    socket.send(writer.bytes, writer.position)
    let forgotten = 0
    for (const { sequence, errno, text } of drainAnswers(socket).answers) {
      const flow = flows[sequence - first]
      if (flow === undefined) continue
      if (errno === 0) forgotten++
      else if (errno !== ENOENT) throw refusal(errno, flow, text)
    }
    return forgotten
  }
}

/** All flows of one datagram of a dump. @throws WireError */
export function flowsIn(datagram: Buffer): Flow[] {
  const flows: Flow[] = []
  const reader = new MessageReader(datagram)
  while (reader.next()) {
    const flow = readFlow(reader)
    if (flow !== undefined) flows.push(flow)
  }
  return flows
}

const refusal = (errno: number, { original }: Flow, text: string | undefined): KernelError =>
  new KernelError({
    errno,
    operation: 'forget flow',
    where: `${original.source}:${original.sourcePort} > ${original.destination}:${original.destinationPort}`,
    ...(text !== undefined && { text }),
  })
