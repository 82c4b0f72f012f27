import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type AnchorKind, NatAnchor, removeLegacyAnchor } from '../../src/kernel/nftables/anchor.ts'
import { canOwnTables, isOwnable } from '../../src/kernel/nftables/ownership.ts'
import { listTables } from '../../src/kernel/nftables/ruleset.ts'
import { connectTcp, listenTcp } from '../../src/kernel/sockets.ts'
import { echoIP, endpointsOf, ownedProxy, ownedView } from '../kernel/owned-agent.fixture.ts'
import { addresses, noRoot, World } from '../kernel/world.ts'
import { afterSilence } from '../silence.ts'
import { listening } from './listening.ts'

/** Where no table can be owned for good (before Linux 6.9), the agent's is a plain one, which anybody's flush removes: what holds translated connections then. */
describe.skipIf(noRoot)(`a foreign flush where tables have no owner${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('flush')
  const sockets: Socket[] = []
  let server: Server
  let canOwn = false

  beforeAll(async () => {
    await world.up()
    const echo = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    server = await listening(echo, listenTcp(world.namespace('pod1'), '0.0.0.0', 9090))
    canOwn = canOwnTables('ip', world.namespace('node'))
  })
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
    world.nft('flush', 'ruleset')
  })
  afterAll(async () => {
    server.close()
    await world.down()
  })

  const connect = async (): Promise<Socket> => {
    const socket = connectTcp(world.namespace('outside'), { address: echoIP, port: 80 })
    sockets.push(socket)
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const echo = (socket: Socket, text: string): Promise<string> =>
    new Promise((resolve) => {
      const stop = afterSilence(3000, () => resolve('nothing'))
      socket.once('close', () => resolve('closed'))
      socket.once('data', (chunk) => {
        stop()
        resolve(chunk.toString())
      })
      socket.write(text)
    })

  it('the agent takes a plain table and an anchor beside it; what is established goes on, and the next audit brings the rest back', async (context) => {
    context.skip(canOwn, 'this kernel has tables that outlive their owner')
    const view = ownedView(addresses.node)
    endpointsOf(view, 'echo', [addresses.pod1])
    const proxy = ownedProxy(view, world.namespace('node'))
    await proxy.start()
    expect(proxy.details().foreignFlush).toBe('anchored')
    const tables = listTables('ip', world.namespace('node'))
    expect(tables.map(({ name, flags }) => [name, isOwnable(flags)])).toEqual([
      ['weft', false],
      ['weft-anchor', false],
    ])
    const socket = await connect()
    expect(await echo(socket, 'before')).toBe('before')
    world.nft('flush', 'ruleset')
    expect(listTables('ip', world.namespace('node')).map(({ name }) => name)).toEqual(['weft-anchor'])
    expect(await echo(socket, 'between')).toBe('between')
    await proxy.reconciler.audit()
    await proxy.reconciler.flush()
    expect(await echo(await connect(), 'new')).toBe('new')
    expect(await echo(socket, 'after')).toBe('after')
    proxy.close()
  })

  it.each<[AnchorKind, string]>([
    ['owned-table', 'between'],
    ['iptables-legacy', 'between'],
    ['none', 'nothing'],
  ])('anchored by %s an established connection gets %s', async (kind, answer) => {
    world.nft('add table ip given; add chain ip given c { type nat hook prerouting priority -100 ; }')
    world.nft(`add rule ip given c ip daddr ${echoIP} tcp dport 80 dnat to ${addresses.pod1}:9090`)
    const anchor = new NatAnchor('ip', world.namespace('node'))
    expect(anchor.hold([kind])).toBe(kind)
    const socket = await connect()
    expect(await echo(socket, 'before')).toBe('before')
    world.nft('flush', 'ruleset')
    expect(await echo(socket, 'between')).toBe(answer)
    anchor.close()
    expect(removeLegacyAnchor(world.namespace('node'))).toBe(kind === 'iptables-legacy')
  })
})
