import type { Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { removeOurs } from '../../src/agent/cleanup.ts'
import { insertFlows } from '../../src/kernel/conntrack/insert.fixture.ts'
import { KernelConntrack } from '../../src/kernel/conntrack/kernel.ts'
import { NatAnchor } from '../../src/kernel/nftables/anchor.ts'
import { canOwnTables } from '../../src/kernel/nftables/ownership.ts'
import { listTables } from '../../src/kernel/nftables/ruleset.ts'
import { connectTcp, listenTcp, udpSocket } from '../../src/kernel/sockets.ts'
import { ServiceTable } from '../../src/proxy/nftables/apply.ts'
import { flowKey, forgetFlows } from '../../src/proxy/nftables/effects.ts'
import { addressValue, sizeValue } from '../../src/proxy/nftables/number.ts'
import { sizeClassOf } from '../../src/proxy/nftables/sizes.ts'
import type { Change, Item, KnownItems } from '../../src/reconcile/types.ts'
import { afterSilence } from '../silence.ts'
import { addresses, droppedMs, noRoot, World } from './world.ts'

const cluster = 'c5a8c6e0-0000-4000-8000-000000000001'
const address = '10.43.0.10'

/** A table and what was last written to it: one list, behind one address on a TCP and a UDP port. */
class Written implements KnownItems {
  readonly #items = new Map<string, Item>()
  readonly #table: ServiceTable

  constructor(table: ServiceTable) {
    this.#table = table
  }

  get(kind: string, key: string): Item | undefined {
    return this.#items.get(`${kind} ${key}`)
  }

  *ofKind(kind: string): Iterable<Item> {
    for (const item of this.#items.values()) if (item.kind === kind) yield item
  }

  /** Everything counts as lost. */
  forget(): void {
    this.#items.clear()
  }

  async serve(endpoints: readonly string[], served = true): Promise<void> {
    const wanted: Item[] = endpoints.map((ip, slot) => ({
      kind: 'endpoints',
      key: `1 . ${slot}`,
      value: `${ip} . 8080`,
    }))
    if (endpoints.length > 0) {
      wanted.push({ kind: 'lists', key: '1', value: sizeValue(1, sizeClassOf(endpoints.length)) })
    }
    wanted.push({ kind: 'plain_sources', key: '10.42.0.0/16', value: '' })
    if (endpoints.length > 0) {
      wanted.push({ kind: 'endpoints', key: '2 . 0', value: `${endpoints[0]} . 9090` })
      wanted.push({ kind: 'lists', key: '2', value: sizeValue(2, 0) })
      wanted.push({ kind: 'services', key: `${address} . tcp . 81`, value: addressValue(2, 0) })
    }
    for (const protocol of served ? ['tcp', 'udp'] : []) {
      wanted.push({ kind: 'services', key: `${address} . ${protocol} . 80`, value: addressValue(1, 0) })
    }
    const keys = new Map(wanted.map((item) => [`${item.kind} ${item.key}`, item]))
    const changes: Change[] = []
    for (const [id, item] of this.#items) {
      if (keys.get(id)?.value !== item.value) changes.push({ op: 'delete', item, subject: 'default/web:' })
    }
    for (const [id, item] of keys) {
      if (this.#items.get(id)?.value !== item.value) changes.push({ op: 'add', item, subject: 'default/web:' })
    }
    await this.#table.apply(changes)
    this.#items.clear()
    for (const [id, item] of keys) this.#items.set(id, item)
  }

  left = (ip: string): Promise<void> => this.#run({ select: 'from', protocol: 'udp', at: `${ip} . 8080` })
  came = (): Promise<void> => this.#run({ select: 'to', protocol: 'udp', at: `${address} . 80` })

  async #run(selector: Parameters<typeof flowKey>[0]): Promise<void> {
    await this.#table.runEffects([{ kind: forgetFlows, key: flowKey(selector) }], this)
  }
}

/** A UDP client that keeps its socket, as a resolver does. */
class UdpClient {
  readonly #socket: UdpSocket
  constructor(socket: UdpSocket) {
    this.#socket = socket
  }
  async ask(port = 80, to: string = address): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      const settle = (text: string): void => {
        stop()
        this.#socket.removeAllListeners()
        resolve(text.split(' ')[0] ?? '')
      }
      const stop = afterSilence(droppedMs, () => settle('TIMEOUT'))
      this.#socket.once('message', (message) => settle(message.toString()))
      this.#socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
    })
    this.#socket.send('hello', port, to)
    return await answer
  }
  close(): void {
    this.#socket.close()
  }
}

describe.skipIf(noRoot)(`the table of Services in the kernel${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('table')
  const tables: ServiceTable[] = []
  const make = (owner: boolean): { table: ServiceTable; written: Written } => {
    const table = new ServiceTable(cluster, 'IPv4', { owner, namespace: world.namespace('node') })
    tables.push(table)
    return { table, written: new Written(table) }
  }
  const names = (): string[] => listTables('ip', world.namespace('node')).map(({ name }) => name)

  let server: Server
  let canOwn = false

  beforeAll(async () => {
    await world.up()
    server = Echo.serve(world)
    canOwn = canOwnTables('ip', world.namespace('node'))
  })
  afterEach(async () => {
    for (const table of tables.splice(0)) table.close()
    world.nft('flush', 'ruleset')
    const conntrack = new KernelConntrack(world.namespace('node'))
    for await (const flows of conntrack.flows({ family: 'IPv4', protocol: 17 })) conntrack.forget(flows)
  })
  afterAll(async () => {
    server.close()
    await world.down()
  })

  describe('and UDP flows', () => {
    it('sends the next packet of an open socket to the endpoint that took over', async () => {
      const { table, written } = make(false)
      await table.prepare()
      await written.serve([addresses.pod1])
      const client = new UdpClient(await udpSocket(world.namespace('outside')))
      expect(await client.ask()).toBe('pod1')
      await written.serve([addresses.pod2])
      expect(await client.ask()).toBe('pod1')
      await written.left(addresses.pod1)
      expect(await client.ask()).toBe('pod2')
      expect(table.flowsForgotten).toBe(1)
      client.close()
    })

    it('refuses when the last endpoint is gone, and serves the same socket when one comes', async () => {
      const { table, written } = make(false)
      await table.prepare()
      await written.serve([addresses.pod1])
      const client = new UdpClient(await udpSocket(world.namespace('outside')))
      expect(await client.ask()).toBe('pod1')
      await written.serve([])
      await written.left(addresses.pod1)
      expect(await client.ask()).not.toMatch(/^pod/)
      await written.serve([addresses.pod2])
      expect(await client.ask()).toBe('pod2')
      client.close()
    })

    it('translates the flow of a socket that sent to the address before it was a Service', async () => {
      const { table, written } = make(false)
      await table.prepare()
      await written.serve([addresses.pod1], false)
      const client = new UdpClient(await udpSocket(world.namespace('outside')))
      expect(await client.ask()).toBe('TIMEOUT')
      await written.serve([addresses.pod1])
      expect(await client.ask()).toBe('TIMEOUT')
      await written.came()
      expect(await client.ask()).toBe('pod1')
      client.close()
    })

    it('finds in a sweep what a crash left, touches nothing else, and 100,000 flows of others cost little', async () => {
      const { table, written } = make(false)
      const conntrack = new KernelConntrack(world.namespace('node'))
      await table.prepare()
      const others = Array.from({ length: 100_000 }, (_, i) => ({
        family: 'IPv4' as const,
        protocol: 17,
        original: {
          source: `198.18.${(i >> 8) & 255}.${i & 255}`,
          sourcePort: 1000 + (i >> 16),
          destination: '203.0.113.1',
          destinationPort: 53,
        },
      }))
      insertFlows(others, world.namespace('node'))
      await written.serve([addresses.pod1])
      const client = new UdpClient(await udpSocket(world.namespace('outside')))
      expect(await client.ask()).toBe('pod1')
      await written.serve([addresses.pod2])
      let longestMs = 0
      let last = performance.now()
      const beat = setInterval(() => {
        longestMs = Math.max(longestMs, performance.now() - last)
        last = performance.now()
      }, 1)
      const effects = []
      const from = performance.now()
      for await (const piece of table.sweep(written)) effects.push(...piece)
      const sweepMs = performance.now() - from
      expect(effects).toEqual([{ kind: forgetFlows, key: `udp to ${address} . 80` }])
      const between = performance.now()
      await table.runEffects(effects, written)
      const effectMs = performance.now() - between
      clearInterval(beat)
      expect(await client.ask()).toBe('pod2')
      let count = 0
      for await (const flows of conntrack.flows({ family: 'IPv4', original: { destination: '203.0.113.1' } })) {
        count += flows.length
      }
      expect(count).toBe(others.length)
      expect(table.flowsForgotten).toBe(1)
      process.stdout.write(
        `sweep ${sweepMs.toFixed(0)} ms, effect ${effectMs.toFixed(1)} ms, longest turn ${longestMs.toFixed(1)} ms\n`,
      )
      client.close()
    })

    it('leaves TCP to end by itself', async () => {
      const { table, written } = make(false)
      await table.prepare()
      await written.serve([addresses.pod1])
      const connection = await Echo.open(world)
      await written.serve([addresses.pod2])
      await written.left(addresses.pod1)
      expect(await connection.ask('still there')).toBe('still there')
      connection.close()
    })
  })

  describe('and foreign hands', () => {
    it.each<[string, () => void]>([
      ['a rule replaced by another', () => replaceRule()],
      ['the table put to sleep', () => void world.nft('add table ip weft { flags dormant; }')],
      ['a hook of another priority', () => swapHook()],
      ['two rules exchanged', () => exchangeRules()],
      ['a chain added', () => void world.nft('add chain ip weft mine')],
    ])('sees %s', async (_name, spoil) => {
      const { table } = make(false)
      expect(await table.prepare()).toBe('lost')
      expect(await table.prepare()).toBe('kept')
      spoil()
      expect(table.touchedByOthers()).toBe(true)
      expect(await table.prepare()).toBe('lost')
      await table.finish()
      expect(names()).toEqual(['weft-b'])
      expect(await table.prepare()).toBe('kept')
    })

    const rulesOf = (chain: string): { handle: string; text: string }[] =>
      world
        .nft('-a', 'list', 'chain', 'ip', 'weft', chain)
        .split('\n')
        .flatMap((line) => {
          const match = /^\t\t(.+) # handle (\d+)$/.exec(line)
          return match?.[1] && match[2] && !line.includes('type nat') ? [{ text: match[1], handle: match[2] }] : []
        })

    function replaceRule(): void {
      const [rule] = rulesOf('missed')
      world.nft('replace', 'rule', 'ip', 'weft', 'missed', 'handle', rule?.handle ?? '', 'counter name missed accept')
    }

    function exchangeRules(): void {
      const rules = rulesOf('source_of_cluster_ip')
      expect(rules.length).toBe(3)
      world.nft('delete', 'rule', 'ip', 'weft', 'source_of_cluster_ip', 'handle', rules[0]?.handle ?? '')
      world.nft('add', 'rule', 'ip', 'weft', 'source_of_cluster_ip', rules[0]?.text ?? '')
    }

    function swapHook(): void {
      world.nft('flush chain ip weft output; delete chain ip weft output')
      world.nft('add chain ip weft output { type nat hook output priority -90; }')
      world.nft('add rule ip weft output goto services')
    }

    it('takes over a table that nobody has touched, and none that somebody has, whoever looks', async () => {
      const { table } = make(false)
      await table.prepare()
      expect(await make(false).table.prepare()).toBe('kept')
      replaceRule()
      expect(await make(false).table.prepare()).toBe('lost')
    })
  })

  describe('owned', () => {
    it('is passed over by a foreign flush: connections old and new do not notice', async (context) => {
      context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
      const { table, written } = make(true)
      expect(await table.prepare()).toBe('lost')
      await written.serve([addresses.pod1])
      expect(table.protection).toBe('owned')
      const connection = await Echo.open(world)
      world.nft('flush', 'ruleset')
      expect(() => world.nft('delete', 'table', 'ip', 'weft')).toThrow()
      expect(() => world.nft('add', 'element', 'ip', 'weft', 'lists', '{ 0:9 : 0:9 }')).toThrow()
      expect(world.nft('list', 'ruleset')).toContain('flags owner')
      expect(await connection.ask('hello')).toBe('hello')
      expect(await world.tcp('outside', address, 80)).toBe('pod1 10.42.0.1')
      expect(await table.prepare()).toBe('kept')
      await written.serve([addresses.pod2])
      connection.close()
    })

    it('is left behind by an end without warning, and taken over by the next', async (context) => {
      context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
      const first = make(true)
      await first.table.prepare()
      await first.written.serve([addresses.pod1])
      const connection = await Echo.open(world)
      // What the kernel does for a process that is killed.
      first.table.close()
      expect(await connection.ask('orphan')).toBe('orphan')
      const { table } = make(true)
      expect(await table.prepare()).toBe('kept')
      const found = []
      for await (const piece of table.read()) found.push(...piece)
      expect(found).toContainEqual(expect.objectContaining({ kind: 'services', subject: 'default/web:' }))
      world.nft('flush', 'ruleset')
      expect(await connection.ask('again')).toBe('again')
      connection.close()
    })

    it('belongs to one at a time', async (context) => {
      context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
      await make(true).table.prepare()
      await expect(make(true).table.prepare()).rejects.toMatchObject({ code: 'PROXY_TABLE_OWNED' })
    })

    it('takes the place of a plain table, and the other way round', async (context) => {
      context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
      await make(false).table.prepare()
      const { table } = make(true)
      expect(await table.prepare()).toBe('lost')
      await table.finish()
      expect(names()).toEqual(['weft-b'])
      table.close()
      const plain = make(false).table
      expect(await plain.prepare()).toBe('lost')
      await plain.finish()
      expect(names()).toEqual(['weft'])
      expect(plain.protection).toBe('none')
    })

    it.each(['owned-table', 'iptables-legacy'] as const)(
      'or not: an anchor (%s) keeps connections alive through a flush, without anybody writing the table again',
      async (kind) => {
        const anchor = new NatAnchor('ip', world.namespace('node'))
        if (anchor.hold([kind]) === 'none') return
        const { table, written } = make(false)
        await table.prepare()
        await written.serve([addresses.pod1])
        const connection = await Echo.open(world)
        world.nft('flush', 'ruleset')
        expect(names()).not.toContain('weft')
        expect(await connection.ask('hello')).toBe('hello')
        anchor.close()
        removeOurs(world.namespace('node'))
        // To know that it was the anchor: without it nothing is translated any longer.
        expect(await connection.ask('hello')).toBe('TIMEOUT')
        connection.close()
      },
    )

    it('is rebuilt when an orphan was flushed', async () => {
      const first = make(true)
      await first.table.prepare()
      first.table.close()
      world.nft('flush', 'ruleset')
      expect(await make(true).table.prepare()).toBe('lost')
    })
  })
})

/** A connection from outside that is kept open, to a server in pod1 which answers with what it is sent. */
class Echo {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static serve(world: World): Server {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    return server.listen({ fd: listenTcp(world.namespace('pod1'), '0.0.0.0', 9090) })
  }

  static async open(world: World): Promise<Echo> {
    const socket = connectTcp(world.namespace('outside'), { address, port: 81 })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Echo(socket)
  }

  async ask(text: string): Promise<string> {
    return await new Promise((resolve) => {
      const stop = afterSilence(2000, () => resolve('TIMEOUT'))
      this.#socket.once('data', (chunk) => {
        stop()
        resolve(chunk.toString())
      })
      this.#socket.write(text)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
