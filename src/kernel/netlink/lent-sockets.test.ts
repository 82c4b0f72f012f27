import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { NETLINK_NETFILTER } from './constants.ts'
import { borrowSocket } from './lent-sockets.ts'

const noRoot = process.getuid?.() === 0 ? '' : ' (needs root for network namespaces)'

describe.skipIf(noRoot !== '')(`sockets on loan${noRoot}`, () => {
  const name = `weft-t${process.pid}-loan`
  let namespace: NetworkNamespace
  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(name)
  })
  const borrow = () => borrowSocket(NETLINK_NETFILTER, namespace)

  it('serve one borrower at a time, and then the next', () => {
    const [first, second] = [borrow(), borrow()]
    expect(second.socket).not.toBe(first.socket)
    first.giveBack(true)
    first.giveBack(true)
    expect(borrow().socket).toBe(first.socket)
    expect(borrow().socket).not.toBe(first.socket)
  })

  it('are not lent again where answers were left unread', () => {
    const first = borrow()
    first.giveBack(false)
    expect(borrow().socket).not.toBe(first.socket)
  })

  it('go with their namespace', () => {
    const other = NetworkNamespace.named(name)
    const { socket, giveBack } = borrowSocket(NETLINK_NETFILTER, other)
    giveBack(true)
    other.close()
    expect(() => socket.receive()).toThrow()
  })
})
