import type { NetworkNamespace } from '../network-namespace.ts'
import { NetlinkSocket } from './socket.ts'

/** Kept for the next one: two parts, each with an audit and a look at flows. */
const mostKept = 4

type Kept = Map<number, NetlinkSocket[]>
const kept = new WeakMap<NetworkNamespace, Kept>()
const own: Kept = new Map()

/** A socket that serves its borrower alone. */
export interface Loan {
  readonly socket: NetlinkSocket
  /** @param clean that every answer was read; else it is of no more use */
  readonly giveBack: (clean: boolean) => void
}

/**
 * A socket for what lets the event loop run between question and answer. Closing one of nfnetlink waits until nf_tables has destroyed what was deleted just now, an RCU grace
 * period and more (nft_rcv_nl_event in net/netfilter/nf_tables_api.c): 20 to 50 ms in which nothing else would run. So they are kept, and closed with the namespace.
 */
export function borrowSocket(protocol: number, namespace?: NetworkNamespace): Loan {
  const idle = idleOf(protocol, namespace)
  const socket = idle.pop() ?? new NetlinkSocket(protocol, namespace)
  let isOut = true
  const giveBack = (clean: boolean): void => {
    if (!isOut) return
    isOut = false
    // Of a namespace that was closed meanwhile there is another list, or none.
    if (clean && idle === idleOf(protocol, namespace) && idle.length < mostKept) idle.push(socket)
    else void socket.closeInBackground()
  }
  return { socket, giveBack }
}

function idleOf(protocol: number, namespace: NetworkNamespace | undefined): NetlinkSocket[] {
  const all = namespace === undefined ? own : keptOf(namespace)
  const known = all.get(protocol)
  if (known !== undefined) return known
  const idle: NetlinkSocket[] = []
  all.set(protocol, idle)
  return idle
}

function keptOf(namespace: NetworkNamespace): Kept {
  const known = kept.get(namespace)
  if (known !== undefined) return known
  const all: Kept = new Map()
  kept.set(namespace, all)
  namespace.onClose(() => {
    kept.delete(namespace)
    for (const socket of [...all.values()].flat()) socket.close()
  })
  return all
}
