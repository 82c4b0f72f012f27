import type { NetlinkChannel } from '../netlink/socket.ts'

/**
 * How many transactions this process has committed, by the socket of a namespace. Each raises the generation by one, so what the generation has grown beyond
 * that were others: several writers of one process (a table a family, policy) do not take each other for strangers.
 */
const committed = new WeakMap<NetlinkChannel, number>()

export const noteOwnWrites = (socket: NetlinkChannel, transactions: number): void =>
  void committed.set(socket, ownWrites(socket) + transactions)

export const ownWrites = (socket: NetlinkChannel): number => committed.get(socket) ?? 0
