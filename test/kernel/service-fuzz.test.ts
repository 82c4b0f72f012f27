import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningPart, runPart } from '../../src/daemon/run-part.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import type { KubeObject } from '../../src/kube/types.ts'
import { isSpecial, managementPorts } from '../../src/model/infrastructure.ts'
import { type Family, families, familyOf, parseAddress, parseCIDR } from '../../src/model/ip.ts'
import { anyContains } from '../../src/model/ranges.ts'
import { apiService } from '../../src/model/services.ts'
import { defaultServiceConfig } from '../../src/proxy/config.ts'
import { factKey, type NodeFact } from '../../src/proxy/facts.ts'
import { ServiceTable } from '../../src/proxy/nftables/apply.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { nodeKinds } from '../../src/proxy/nftables/plan-node.ts'
import {
  decodeNode,
  decodeService,
  decodeServiceCIDR,
  decodeSlice,
  makeServiceView,
  serviceCIDRsOf,
} from '../../src/proxy/view.ts'
import type { FoundItem } from '../../src/reconcile/types.ts'
import { eventually } from '../eventually.ts'
import { Feed } from './feed.ts'
import { OddObjects } from './odd-objects.ts'
import { testSeed } from '../seed.ts'
import { Random } from './random.ts'
import { noRoot } from './world.ts'

const objects = 10_000
const rounds = 20
const clusterUid = 'c5a8c6e0-0000-4000-8000-000000000001'
const cidrs = (...texts: string[]) => texts.map((text) => parseCIDR(text) as NonNullable<ReturnType<typeof parseCIDR>>)

const own: readonly NodeFact[] = [
  { kind: 'address', address: '172.30.0.11', device: 'eth0' },
  { kind: 'address', address: '172.30.0.13', device: 'eth0' },
  { kind: 'address', address: 'fd30::11', device: 'eth0' },
  { kind: 'gateway', address: '172.30.0.1' },
  { kind: 'name-server', address: '127.0.0.53' },
  { kind: 'api', address: '172.30.0.12', port: 443 },
  { kind: 'api-port', port: 443 },
  { kind: 'sshd', port: 8080 },
]

// Without waiting for others that might have it.
const alone = (address: string): string => (familyOf(address) === 'IPv6' ? 'nodad' : '')

describe.skipIf(noRoot)(`whatever an API says${noRoot ? ` (${noRoot})` : ''}`, () => {
  const name = `weft-t${process.pid}-fuzz`
  const seed = testSeed()
  const random = new Random(seed)
  let namespace: NetworkNamespace
  const inNode = (...command: string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8', maxBuffer: 256 << 20 })

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    const lines = [
      'link set lo up',
      'link add eth0 type veth peer name eth1',
      'link set eth0 addrgenmode none',
      'link set eth1 addrgenmode none',
      'link set eth0 up',
      'link set eth1 up',
      ...own.flatMap((fact) =>
        fact.kind === 'address' ? [`addr add ${fact.address} dev ${fact.device} ${alone(fact.address)}`] : [],
      ),
      'route add default via 172.30.0.1 dev eth0 onlink',
    ]
    execFileSync('ip', ['-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    // The kernel adds the last routes of a link some time after it came up.
    await eventually(() => {
      for (const link of ['eth0', 'eth1']) {
        expect(inNode('ip', '-6', 'route', 'show', 'table', 'local')).toContain(`multicast ff00::/8 dev ${link} `)
      }
    })
    inNode('nft', 'add table inet theirs; add set inet theirs services { type ipv4_addr; }')
    inNode('nft', 'add element inet theirs services { 10.43.0.10 }; add table ip weft-not')
    inNode('nft', 'add chain inet theirs forward { type filter hook forward priority 0; policy drop; }')
    inNode('nft', 'add rule inet theirs forward ct state established accept comment "theirs"')
  })

  afterAll(async () => {
    namespace?.close()
    await deleteNetns(name)
  })

  /** All that is not ours: rules and sets of others, addresses, routes, settings. */
  function surroundings(): string {
    const { nftables } = JSON.parse(inNode('nft', '-j', 'list', 'ruleset')) as { nftables: Record<string, any>[] }
    const theirs = nftables.filter((object) => {
      const [one] = Object.values(object)
      const table = 'table' in object ? one.name : one.table
      return table !== 'weft' && table !== 'weft-b'
    })
    const settings = inNode('sysctl', '-a', '-r', '^net\\.')
      .split('\n')
      .filter((line) => !/nf_conntrack_count|stable_secret/.test(line))
    const routes = ['-4', '-6'].map((family) => inNode('ip', family, 'route', 'show', 'table', 'all'))
    return [JSON.stringify(theirs, null, 1), inNode('ip', '-o', 'addr'), ...routes, ...settings].join('\n')
  }

  async function found(family: Family): Promise<FoundItem[]> {
    const table = new ServiceTable(clusterUid, family, { namespace })
    table.peek()
    const items: FoundItem[] = []
    for await (const piece of table.read()) items.push(...piece)
    table.close()
    return items
  }

  it(`${objects} odd objects leave the kernel as planned, and the rest of it alone (WEFT_TEST_SEED=${seed})`, async () => {
    const view = makeServiceView({
      ...defaultServiceConfig,
      nodeName: 'n1',
      clusterCIDRs: cidrs('10.42.0.0/16', 'fd42::/56'),
      serviceCIDRs: cidrs('10.43.0.0/16', 'fd43::/112'),
    })
    for (const fact of own) view.facts.set(factKey(fact), fact)
    view.facts.replaceAll(own.map((fact) => [factKey(fact), fact]))
    const before = surroundings()
    const sane = new OddObjects(random, 0)
    let unreadable = 0
    const onError = ({ code }: { code: string }): void => {
      expect(code).toBe('OBJECT_UNREADABLE')
      unreadable++
    }
    const list = <T>(make: (odd: OddObjects) => T): T[] => Array.from({ length: 100 }, () => make(sane))
    const feeds = {
      service: new Feed({ store: view.services, decode: decodeService, list: list((odd) => odd.service()), onError }),
      slice: new Feed({ store: view.slices, decode: decodeSlice, list: list((odd) => odd.slice()), onError }),
      node: new Feed({ store: view.nodes, decode: decodeNode, list: list((odd) => odd.node()), onError }),
      serviceCIDR: new Feed({ store: view.serviceCIDRs, decode: decodeServiceCIDR, onError }),
    }
    const errors: string[] = []
    const log = (level: string, message: string, fields: object = {}): void => {
      if (level === 'error') errors.push(`${message} ${JSON.stringify(fields)}`)
    }
    const proxies = families.map((family) => nftablesProxy({ view, family, clusterUid, namespace, log }))
    for (const feed of Object.values(feeds)) await feed.applied()
    const running: RunningPart[] = proxies.map((proxy) => runPart(proxy, log as never))
    await Promise.all(running.map(({ started }) => started))
    const ever = new Map<string, [keyof typeof feeds, KubeObject['metadata']]>()
    const kinds = [
      'service',
      'service',
      'service',
      'service',
      'slice',
      'slice',
      'slice',
      'node',
      'serviceCIDR',
    ] as const

    const settle = async (): Promise<void> => {
      for (const feed of Object.values(feeds)) await feed.applied()
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      for (const { reconciler } of proxies) {
        await reconciler.flush()
        await reconciler.effectsIdle()
        const { failing, pending, refusals, failures } = reconciler.status()
        expect({ failing, pending, failures }).toEqual({ failing: [], pending: 0, failures: 0 })
        expect(refusals.filter(({ reason }) => reason === 'PlanFailed')).toEqual([])
      }
    }

    let sent = 0
    for (let round = 0; round < rounds; round++) {
      const odd = new OddObjects(random, random.one([0, 0.02, 0.1, 0.3]))
      for (let n = 0; n < objects / rounds; n++) {
        const kind = random.one(kinds)
        const object = odd[kind]()
        if (random.chance(0.2)) feeds[kind].remove(object.metadata)
        else feeds[kind].put(object)
        ever.set(`${kind} ${object.metadata.namespace}/${object.metadata.name}`, [kind, object.metadata])
        sent++
        if (random.chance(0.01)) await new Promise((resolve) => setImmediate(resolve))
      }
      await settle()
      for (const [index, family] of families.entries()) {
        const { reconciler } = proxies[index] as (typeof proxies)[number]
        expect(await reconciler.audit()).toBe(0)
        // Who comes new finds nothing to do, whatever it finds.
        const changes = await nftablesProxy({ view, family, clusterUid, namespace }).dryRun()
        expect(changes).toEqual([])
        givesNothingAway(await found(family), view)
      }
    }
    expect(sent).toBe(objects)
    expect(errors).toEqual([])
    expect(surroundings()).toBe(before)

    for (const [kind, metadata] of ever.values()) feeds[kind].remove(metadata)
    for (const [kind, store] of [
      ['service', view.services],
      ['slice', view.slices],
      ['node', view.nodes],
    ] as const) {
      for (const key of store.keys()) {
        const [namespace = '', name = ''] = key.includes('/') ? key.split('/') : ['', key]
        feeds[kind].remove({ name, ...(namespace && { namespace }) })
      }
    }
    await settle()
    for (const family of families) {
      const items = await found(family)
      expect(items.filter(({ kind }) => !nodeKinds.has(kind) && kind !== 'service_cidrs')).toEqual([])
      expect(items.filter(({ kind }) => kind === 'nodeport_addrs')).toEqual([])
    }
    for (const [index] of families.entries()) expect(await proxies[index]?.reconciler.audit()).toBe(0)
    expect(surroundings()).toBe(before)
    for (const part of running) part.stop()
    for (const feed of Object.values(feeds)) await feed.close()
    process.stdout.write(`seed ${seed}: ${unreadable} of ${sent} objects could not be read\n`)
  }, 240_000)

  /** Promise 1, judged without the service table: nothing special is translated, no port of management at an address of a node's, nor as node port. */
  function givesNothingAway(items: readonly FoundItem[], view: ReturnType<typeof makeServiceView>): void {
    const serviceCIDRs = serviceCIDRsOf(view)
    const held = new Set([...view.nodes.values()].flatMap(({ addresses }) => addresses))
    for (const fact of own) if (fact.kind === 'address' || fact.kind === 'api') held.add(fact.address)
    const ports = new Set([...managementPorts.map(({ port }) => port), 443, 8080])
    const given: string[] = []
    for (const { kind, key, subject } of items) {
      const [first = '', second = '', third = ''] = key.split(' . ')
      if (kind === 'nodeports' && first === 'tcp' && ports.has(Number(second))) given.push(key)
      if (kind === 'nodeport_addrs' && !held.has(first)) given.push(key)
      if (kind !== 'services' || subject?.startsWith(`${apiService}:`)) continue
      const address = parseAddress(first)
      if (address === undefined) throw new Error(`no address: ${key}`)
      if (anyContains(serviceCIDRs, address)) continue
      if (isSpecial(first)) given.push(key)
      if (held.has(first) && second === 'tcp' && ports.has(Number(third))) given.push(key)
      if (first === '172.30.0.1' && familyOf(first) === 'IPv4' && !held.has(first)) given.push(key)
    }
    expect(given).toEqual([])
  }
})
