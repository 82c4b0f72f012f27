import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { canOwnTables } from '../../src/kernel/nftables/ownership.ts'
import { runNft } from '../../src/kernel/nftables/ruleset.ts'
import { families } from '../../src/model/ip.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { churn, churnCluster, churnView } from './churn.ts'
import { testSeed } from '../seed.ts'
import { Random } from './random.ts'
import { faultsOf, kernelItems, meaningOf, plannedItems } from './table-meaning.ts'
import { noRoot } from './world.ts'

// Below the project, so that the process finds its packages.
const cache = new URL('../../node_modules/.cache', import.meta.url).pathname
const script = `${cache}/weft-t${process.pid}-killed.mjs`
const kills = 15

describe.skipIf(noRoot)(`an agent killed while it writes${noRoot ? ` (${noRoot})` : ''}`, () => {
  const name = `weft-t${process.pid}-killed`
  const seed = testSeed()
  const random = new Random(seed)
  let namespace: NetworkNamespace
  const children = new Set<ChildProcess>()

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    mkdirSync(cache, { recursive: true })
    buildSync({
      entryPoints: [new URL('killed-agent.fixture.ts', import.meta.url).pathname],
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      outfile: script,
      logLevel: 'error',
    })
  })

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(script, { force: true })
    namespace?.close()
    await deleteNetns(name)
  })

  async function startAgent(owner: boolean): Promise<ChildProcess> {
    const args = [script, name, String(random.below(2 ** 31)), owner ? 'owner' : 'plain']
    const env = { ...process.env, WEFT_TEST_KILLED: '1' }
    const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    children.add(child)
    await once(child.stdout, 'data')
    return child
  }

  /** Lets it write for a while, or until it has written everything once and a while longer, and kills it. */
  async function kill(child: ChildProcess, until: 'beginning' | 'synced', afterMs: number): Promise<void> {
    child.stdin?.write('go\n')
    if (until === 'synced') await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    expect(await gone).toEqual([null, 'SIGKILL'])
    children.delete(child)
  }

  it.each([
    ['a table that anybody may change', false],
    ['a table of its own', true],
  ])(
    `${kills} times, %s: the next one makes it right (WEFT_TEST_SEED=${seed})`,
    async (_name, tableOwner) => {
      if (tableOwner && !canOwnTables('ip', namespace)) return
      let next = startAgent(tableOwner)
      for (let round = 0; round < kills; round++) {
        const child = await next
        if (round > 0 && random.chance(0.2)) runNft('flush ruleset', namespace)
        const until = random.one(['beginning', 'synced'] as const)
        await kill(child, until, random.below(until === 'synced' ? 50 : 150))
        next = startAgent(tableOwner)
        const view = churnView()
        churn(view, random, 400)
        for (const family of families) {
          const make = () => nftablesProxy({ view, family, clusterUid: churnCluster, namespace, tableOwner })
          const proxy = make()
          await proxy.start()
          expect(proxy.reconciler.status()).toMatchObject({ synced: true, failures: 0, pending: 0 })
          if (until === 'synced') expect(proxy.reconciler.status().epochs).toBe(0)
          expect(await proxy.reconciler.audit()).toBe(0)
          const items = await kernelItems(family, namespace)
          expect(meaningOf(items)).toEqual(meaningOf(await plannedItems(view, family)))
          expect(faultsOf(items)).toEqual([])
          proxy.close()
          expect(await make().dryRun()).toEqual([])
        }
      }
      await kill(await next, 'beginning', 0)
    },
    180_000,
  )
})
