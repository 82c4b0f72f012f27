import type { NetlinkChannel } from '../netlink/socket.ts'

/** What this process has written in one namespace. */
interface Writes {
  /** Transactions committed. Each raises the generation by one, so what the generation has grown beyond that were others. */
  committed: number
  /** Transactions of which nobody knows yet whether the kernel has made them. */
  underWay: number
  waiting: (() => void)[]
}

/** By the shared socket of a namespace: several writers of one process (a table a family, policy) do not take each other for strangers. */
const bySocket = new WeakMap<NetlinkChannel, Writes>()

function writesOf(socket: NetlinkChannel): Writes {
  const known = bySocket.get(socket)
  if (known !== undefined) return known
  const writes: Writes = { committed: 0, underWay: 0, waiting: [] }
  bySocket.set(socket, writes)
  return writes
}

export const noteOwnWrites = (socket: NetlinkChannel, transactions: number): void =>
  void (writesOf(socket).committed += transactions)

export const ownWrites = (socket: NetlinkChannel): number => writesOf(socket).committed

/** A transaction is made beside the event loop from here on. Call what this returns when it is known to be committed, or not to be. */
export function beginOwnWrite(socket: NetlinkChannel): (committed: boolean) => void {
  const writes = writesOf(socket)
  writes.underWay++
  return (committed) => {
    writes.underWay--
    if (committed) writes.committed++
    if (writes.underWay > 0) return
    for (const resume of writes.waiting.splice(0)) resume()
  }
}

/** Whether the generation cannot be told apart from others' writes at this moment. */
export const isWriting = (socket: NetlinkChannel): boolean => writesOf(socket).underWay > 0

/** Resolves while none is under way. */
export async function ownWritesKnown(socket: NetlinkChannel): Promise<void> {
  const writes = writesOf(socket)
  while (writes.underWay > 0) await new Promise<void>((resolve) => void writes.waiting.push(resolve))
}
