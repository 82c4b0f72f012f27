import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canOwnTables } from '../../src/kernel/nftables/ownership.ts'
import { listTables } from '../../src/kernel/nftables/ruleset.ts'
import { connectTcp, listenTcp, udpSocket } from '../../src/kernel/sockets.ts'
import { dnsIP, echoIP, endpointsOf, ownedProxy, ownedView, stickyIP } from './owned-agent.fixture.ts'
import { afterSilence } from '../silence.ts'
import { addresses, noRoot, World } from './world.ts'

// Below the project, so that the process finds its packages.
const cache = new URL('../../node_modules/.cache', import.meta.url).pathname
const script = `${cache}/weft-t${process.pid}-owner.mjs`

describe.skipIf(noRoot)(`an agent that owns its table${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('owner')
  const view = ownedView(addresses.node)
  let server: Server
  let child: ChildProcess | undefined
  let canOwn = false

  beforeAll(async () => {
    await world.up()
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    }).listen({ fd: listenTcp(world.namespace('pod1'), '0.0.0.0', 9090) })
    canOwn = canOwnTables('ip', world.namespace('node'))
    mkdirSync(cache, { recursive: true })
    buildSync({
      entryPoints: [new URL('owned-agent.fixture.ts', import.meta.url).pathname],
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      outfile: script,
      logLevel: 'error',
    })
  })

  afterAll(async () => {
    child?.kill('SIGKILL')
    rmSync(script, { force: true })
    server.close()
    await world.down()
  })

  const flags = (): number | undefined =>
    listTables('ip', world.namespace('node')).find(({ name }) => name === 'weft')?.flags

  const echo = (socket: Socket, text: string): Promise<string> =>
    new Promise((resolve) => {
      const stop = afterSilence(5000, () => resolve('TIMEOUT'))
      socket.once('data', (chunk) => {
        stop()
        resolve(chunk.toString())
      })
      socket.write(text)
    })

  it('may be killed: what flows goes on, the next agent takes over without a write, and a flush finds nothing', async (context) => {
    context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
    const process_ = spawn(process.execPath, [script, world.name('node'), addresses.node, addresses.pod1], {
      env: { ...process.env, WEFT_TEST_OWNER: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = process_
    await once(process_.stdout, 'data')
    expect(flags()).toBe(6)
    const socket = connectTcp(world.namespace('outside'), { address: echoIP, port: 80 })
    await once(socket, 'connect')
    // Of an owned table others can list all, and change nothing.
    expect(world.nft('list', 'map', 'ip', 'weft', 'services')).toContain('default/echo:')
    expect(() => world.nft('flush', 'map', 'ip', 'weft', 'services')).toThrow()

    const gone = once(process_, 'exit')
    process_.kill('SIGKILL')
    await gone
    await expect.poll(flags).toBe(4)
    expect(await echo(socket, 'orphan')).toBe('orphan')
    expect(await world.tcp('outside', stickyIP, 80)).toMatch(/^pod1/)

    for (const service of ['echo', 'dns', 'sticky'] as const) endpointsOf(view, service, [addresses.pod1])
    const proxy = ownedProxy(view, world.namespace('node'))
    await proxy.start()
    expect(proxy.reconciler.status()).toMatchObject({ synced: true, transactions: 0, epochs: 0, failures: 0 })
    world.nft('flush', 'ruleset')
    expect(flags()).toBe(6)
    expect(await echo(socket, 'owned')).toBe('owned')
    expect(await world.tcp('outside', stickyIP, 80)).toMatch(/^pod1/)
    // The flush changed nothing of ours: an audit finds no difference.
    expect(await proxy.reconciler.audit()).toBe(0)
    expect(proxy.reconciler.suspect).toBe(false)
    socket.destroy()
    proxy.close()
  })

  it('adds and removes chains for other times of affinity, and forgets the UDP flows of an endpoint that left', async (context) => {
    context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
    const proxy = ownedProxy(view, world.namespace('node'))
    await proxy.start()
    expect(world.nft('list', 'table', 'ip', 'weft')).toContain('chain sticky-600')
    const service = view.services.get('default/sticky')
    view.services.set('default/sticky', { ...(service as NonNullable<typeof service>), affinitySeconds: 60 })
    const settle = async (name: string): Promise<void> => {
      proxy.reconciler.touch([`default/${name}:`])
      await proxy.reconciler.flush()
      await proxy.reconciler.effectsIdle()
      expect(proxy.reconciler.status()).toMatchObject({ synced: true, failures: 0 })
    }
    await settle('sticky')
    const chains = world.nft('list', 'table', 'ip', 'weft')
    expect(chains).toContain('chain sticky-60 ')
    expect(chains).not.toContain('chain sticky-600')
    expect(flags()).toBe(6)
    expect(await proxy.reconciler.audit()).toBe(0)

    const socket = await udpSocket(world.namespace('outside'))
    const ask = async (): Promise<string> => {
      const answer = once(socket, 'message')
      socket.send('hello', 53, dnsIP)
      const [message] = (await answer) as [Buffer]
      return message.toString().split(' ')[0] ?? ''
    }
    expect(await ask()).toBe('pod1')
    endpointsOf(view, 'dns', [addresses.pod2])
    await settle('dns')
    expect(await ask()).toBe('pod2')
    socket.close()
    proxy.close()
  })
})
