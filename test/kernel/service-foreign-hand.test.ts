import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningPart, runPart } from '../../src/daemon/run-part.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { canOwnTables } from '../../src/kernel/nftables/ownership.ts'
import { listTables, runNft } from '../../src/kernel/nftables/ruleset.ts'
import { type Family, families } from '../../src/model/ip.ts'
import { type NftablesProxy, nftablesProxy } from '../../src/proxy/nftables/index.ts'
import type { FoundItem } from '../../src/reconcile/types.ts'
import { eventually } from '../eventually.ts'
import { churn, churnCluster, churnView } from './churn.ts'
import { testSeed } from '../seed.ts'
import { Random } from './random.ts'
import { faultsOf, kernelItems, meaningOf, plannedItems } from './table-meaning.ts'
import { noRoot } from './world.ts'

const rounds = 12

describe.skipIf(noRoot)(`a foreign hand in the tables of Services${noRoot ? ` (${noRoot})` : ''}`, () => {
  const name = `weft-t${process.pid}-hand`
  const seed = testSeed()
  const random = new Random(seed)
  let namespace: NetworkNamespace
  let view = churnView()
  let proxies: NftablesProxy[] = []
  let running: RunningPart[] = []

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    nft('add table inet theirs; add chain inet theirs forward { type filter hook forward priority 0; policy accept; }')
    nft('add rule inet theirs forward ct state established accept; add set inet theirs services { type ipv4_addr; }')
    nft('add element inet theirs services { 10.43.0.10 }; add table ip weft-not; add chain ip weft-not services')
  })

  afterAll(async () => {
    for (const part of running) part.stop()
    namespace?.close()
    await deleteNetns(name)
  })

  /** As somebody else: not counted as this process's own. */
  const nft = (commands: string): void => void runNft(`${commands.replaceAll('; ', '\n')}\n`, namespace)

  async function start(tableOwner: boolean): Promise<void> {
    for (const part of running) part.stop()
    view = churnView()
    churn(view, random, 600)
    proxies = families.map((family) => nftablesProxy({ view, family, clusterUid: churnCluster, namespace, tableOwner }))
    running = proxies.map((proxy) => runPart(proxy, () => {}))
    await Promise.all(running.map(({ started }) => started))
  }

  const tablesOf = (family: Family): string[] => {
    const word = family === 'IPv4' ? 'ip' : 'ip6'
    const ours = listTables(word, namespace).filter((table) => /^weft(-b)?$/.test(table.name))
    return ours.map((table) => `${word} ${table.name}`)
  }

  /** What the hand may do, each of which changes something. */
  function deeds(family: Family, items: readonly FoundItem[]): string[] {
    const [table] = tablesOf(family)
    const address = family === 'IPv4' ? `10.99.0.${random.below(250)}` : `fd99::${random.below(250)}`
    const { key, value } = random.one(items.filter(({ kind }) => kind === 'services'))
    const hex = (number: number): string => `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
    const addressed = random.one(items.filter(({ kind }) => kind === 'cluster_ips')).key
    return [
      `delete element ${table} services { ${key} }`,
      `delete element ${table} services { ${key} }; add element ${table} services { ${key} : ${hex(Number(value) ^ 1)} }`,
      `delete element ${table} cluster_ips { ${addressed} }`,
      `add element ${table} services { ${address} . tcp . 81 : 2000:1 }`,
      `add element ${table} services { ${address} . tcp . 81 comment "default/nobody:" : 2000:${hex(random.below(500)).slice(2)} }`,
      `add element ${table} protected { ${address} . tcp . 80 }`,
      `add element ${table} lists { f:ffff : 1f:ffff }`,
      `flush map ${table} endpoints`,
      `flush map ${table} services`,
      `flush map ${table} lists`,
      `flush set ${table} plain_sources`,
      `flush chain ${table} dispatch`,
      `insert rule ${table} services accept`,
      `add chain ${table} stranger`,
      `flush table ${table}`,
      `delete table ${table}`,
    ]
  }

  const theirs = (): string => {
    const text = execFileSync('ip', ['netns', 'exec', name, 'nft', '-j', 'list', 'ruleset'], {
      encoding: 'utf8',
      maxBuffer: 256 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { nftables } = JSON.parse(text) as { nftables: Record<string, { name?: string; table?: string }>[] }
    const others = nftables.filter((object) => {
      const [one] = Object.values(object)
      return !/^weft(-b)?$/.test(('table' in object ? one?.name : one?.table) ?? '')
    })
    return JSON.stringify(others, null, 1)
  }

  async function expectRight(): Promise<void> {
    // First what costs nothing: reading whole tables takes the time that the audits need.
    for (const { reconciler } of proxies) {
      const { failing, pending } = reconciler.status()
      expect({ suspect: reconciler.suspect, failing, pending }).toEqual({ suspect: false, failing: [], pending: 0 })
    }
    for (const family of families) {
      expect(tablesOf(family)).toHaveLength(1)
      const items = await kernelItems(family, namespace)
      expect(meaningOf(items)).toEqual(meaningOf(await plannedItems(view, family)))
      expect(faultsOf(items)).toEqual([])
    }
  }

  it(`is set right, while Services change (WEFT_TEST_SEED=${seed})`, async () => {
    await start(false)
    const before = theirs()
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const drift = proxies.map(({ reconciler }) => reconciler.status().drift)
      const done: string[] = []
      for (const family of families) {
        const items = [...(await kernelItems(family, namespace)).values()]
        for (let n = 1 + random.below(3); n > 0; n--) {
          const deed = random.one(deeds(family, items))
          done.push(deed)
          nftOrNothing(deed)
        }
      }
      const from = performance.now()
      churn(view, random, 20)
      await eventually(expectRight)
      times.push(performance.now() - from)
      // An audit counts at its end; what it finds may be written before.
      await eventually(() => {
        for (const [index, { reconciler }] of proxies.entries()) {
          expect(reconciler.status().drift, done.join('\n')).toBeGreaterThan(drift[index] ?? 0)
        }
      })
    }
    expect(theirs()).toBe(before)
    const sorted = times.toSorted((a, b) => a - b).map(Math.round)
    process.stdout.write(`repaired within ${sorted[sorted.length >> 1]} ms (median), ${sorted.at(-1)} ms at most\n`)
  })

  function nftOrNothing(deed: string): void {
    try {
      nft(deed)
    } catch (error) {
      // What it would have changed was gone before.
      expect(String(error)).toMatch(/No such file|does not exist|File exists/)
    }
  }

  it('is refused where the tables are the agent’s own, and changes nothing', async (context) => {
    context.skip(!canOwnTables('ip', namespace), 'this kernel has no tables that outlive their owner')
    await start(true)
    const before = theirs()
    for (const family of families) {
      const items = [...(await kernelItems(family, namespace)).values()]
      for (const deed of deeds(family, items)) expect(() => nft(deed), deed).toThrow(/Operation not permitted/)
    }
    churn(view, random, 20)
    await eventually(expectRight)
    expect(theirs()).toBe(before)
    nft('flush ruleset')
    await eventually(expectRight)
    expect(proxies.map(({ reconciler }) => reconciler.status().drift)).toEqual([0, 0])
  })
})
