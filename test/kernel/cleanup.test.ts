import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUpNode, removeOurs } from '../../src/agent/cleanup.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { takeWriterLock } from '../../src/kernel/writer-lock.ts'
import { parseCIDR } from '../../src/model/ip.ts'
import { fixedFamilies } from '../../src/proxy/families.ts'
import { proxyHost } from '../../src/proxy/host/index.ts'
import { ServiceTable } from '../../src/proxy/nftables/apply.ts'
import { noRoot, World } from './world.ts'

describe.skipIf(noRoot)(`clean-up${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('clean')
  const inNode = (...command: string[]): string =>
    execFileSync('ip', ['netns', 'exec', world.name('node'), ...command], { encoding: 'utf8' })
  const state = (): string => world.nft('-s', 'list', 'ruleset') + inNode('ip', '-4', 'route', 'show')

  beforeAll(() => world.up())
  afterAll(() => world.down())

  it('removes all that is ours and nothing else, and again is no error', async () => {
    const namespace = world.namespace('node')
    world.nft('add table inet theirs')
    world.nft('add chain inet theirs forward { type filter hook forward priority 0; policy drop; }')
    world.nft('add rule inet theirs forward ct state established accept comment "theirs"')
    inNode('ip', 'route', 'add', '10.99.0.0/24', 'via', '172.30.0.200')
    const before = state()
    for (const family of ['IPv4', 'IPv6'] as const) {
      const table = new ServiceTable('uid', family, { owner: true, namespace })
      await table.prepare()
      // The end of the agent.
      table.close()
    }
    const host = proxyHost({
      families: fixedFamilies('IPv4'),
      clusterCIDRs: [parseCIDR('10.42.0.0/16') as NonNullable<ReturnType<typeof parseCIDR>>],
      namespace,
    })
    await host.start()
    inNode('ip', 'route', 'add', '10.42.7.0/24', 'via', '172.30.0.200', 'proto', '87')
    const expected = ['table ip weft', 'table ip6 weft', '3 rules in chain inet theirs forward', 'route 10.42.7.0/24']
    const full = state()
    expect(removeOurs(namespace, true)).toEqual(expected)
    expect(state()).toBe(full)
    expect(removeOurs(namespace)).toEqual(expected)
    expect(state()).toBe(before)
    expect(readSysctl(namespace, 'net/ipv4/ip_forward')).toBe('1')
    expect(removeOurs(namespace)).toEqual([])
    expect(state()).toBe(before)
  })

  it('refuses while an agent runs', async () => {
    // Other tests have it now and then.
    const lock = await takeWriterLock(20_000)
    await expect(cleanUpNode()).rejects.toMatchObject({ code: 'WRITER_LOCK_HELD', fault: 'user' })
    lock.release()
  })
})
