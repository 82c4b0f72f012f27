import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { removeKubeProxyLeftovers } from '../../src/agent/kube-proxy-leftovers.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { hookPriorities } from '../../src/kernel/names.ts'
import { addresses, noRoot, World } from './world.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/kube-proxy/${name}`, import.meta.url), 'utf8')

describe.skipIf(noRoot)(`what kube-proxy leaves behind${noRoot ? ` (${noRoot})` : ''}`, () => {
  const name = `weft-t${process.pid}-leftovers`
  let namespace: NetworkNamespace
  const inside = (input: string, ...command: string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8', input })
  const state = (): string =>
    inside('', 'iptables-save') + inside('', 'ip6tables-save') + inside('', 'nft', '-s', 'list', 'tables')
  /** Comments and counters of the same rules differ from call to call. */
  const comparable = (): string => state().replaceAll(/^#.*$|\[\d+:\d+\]/gm, '')

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
  })
  afterAll(async () => {
    namespace?.close()
    await deleteNetns(name)
  })

  it('is removed in all modes, and nothing of anybody else’s; again is no error', () => {
    const others = `*filter
:KUBE-ROUTER-INPUT - [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-ROUTER-INPUT
-A INPUT -j KUBE-FIREWALL
-A OUTPUT -j KUBE-FIREWALL
COMMIT
*nat
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -j CNI-HOSTPORT-DNAT
COMMIT
*mangle
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
`
    for (const restore of ['iptables-restore', 'ip6tables-restore']) inside(others, restore)
    inside('add table ip weft\nadd table inet theirs\n', 'nft', '-f', '-')
    const before = comparable()
    for (const [file, restore] of [
      ['iptables-v4.save', 'iptables-restore'],
      ['iptables-v6.save', 'ip6tables-restore'],
    ] as const) {
      const rules = fixture(file)
        .replaceAll(/-m nfacct --nfacct-name +\S+ /g, '')
        .replaceAll(
          /^:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING|KUBE-FIREWALL) .*\n|^.*-A (INPUT -j |OUTPUT -j )?KUBE-FIREWALL\b.*\n/gm,
          '',
        )
      inside(rules, restore, '--noflush')
    }
    inside(fixture('nftables.nft'), 'nft', '-f', '-')
    // Any kind of link: not every kernel has dummy ones.
    inside('', 'ip', 'link', 'add', 'kube-ipvs0', 'type', 'bridge')

    const expected = [
      'table ip kube-proxy',
      'table ip6 kube-proxy',
      'table ip mangle: chains of kube-proxy (1), and rules that led to them (0)',
      'table ip filter: chains of kube-proxy (6), and rules that led to them (9)',
      expect.stringMatching(/^table ip nat: .* led to them \(3\)$/),
      expect.stringMatching(/^table ip6 mangle: /),
      expect.stringMatching(/^table ip6 filter: /),
      expect.stringMatching(/^table ip6 nat: /),
      'link kube-ipvs0 with its addresses',
    ]
    const full = comparable()
    expect(removeKubeProxyLeftovers({ namespace, dryRun: true })).toHaveLength(expected.length)
    expect(comparable()).toBe(full)
    expect(new Set(removeKubeProxyLeftovers({ namespace }))).toEqual(new Set(expected))
    expect(comparable()).toBe(before)
    expect(inside('', 'ip', '-o', 'link')).not.toContain('kube-ipvs0')
    expect(removeKubeProxyLeftovers({ namespace })).toEqual([])
  })

  it('stays while nobody else serves', () => {
    inside('delete table ip weft\n', 'nft', '-f', '-')
    expect(() => removeKubeProxyLeftovers({ namespace })).toThrow(
      expect.objectContaining({ code: 'SERVICES_NOT_SERVED' }),
    )
  })
})

describe.skipIf(noRoot)(`a node that changes over${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('over')
  const served = '10.43.9.1'
  const frozen = '10.43.9.2'
  const chain = (letter: string): string => `KUBE-SVC-${letter.repeat(16)}`
  /** What kube-proxy has for two Services; the first one's endpoint is gone. */
  const rules = `*nat
:KUBE-SERVICES - [0:0]
:${chain('A')} - [0:0]
:${chain('B')} - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d ${served}/32 -p tcp -m tcp --dport 80 -j ${chain('A')}
-A KUBE-SERVICES -d ${frozen}/32 -p udp -m udp --dport 80 -j ${chain('B')}
-A ${chain('A')} -p tcp -j DNAT --to-destination 10.42.0.99:8080
-A ${chain('B')} -p udp -j DNAT --to-destination ${addresses.pod1}:8080
COMMIT
*filter
:KUBE-SERVICES - [0:0]
-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
-A KUBE-SERVICES -d ${served}/32 -p tcp -m tcp --dport 80 -j REJECT
COMMIT
`

  beforeAll(() => world.up())
  afterAll(() => world.down())

  it('reaches Services by the chains of Weft beside those of kube-proxy, and keeps flows when these go', async () => {
    const restore = ['netns', 'exec', world.name('node'), 'iptables-restore', '--noflush']
    execFileSync('ip', restore, { input: rules })
    const old = await world.udpClient('outside', 'IPv4')
    expect(await old.ask(frozen, 80)).toMatch(/^pod1 /)

    world.nft('add table ip weft')
    const hook = `type nat hook prerouting priority ${hookPriorities.translateDestination};`
    world.nft(`add chain ip weft translate { ${hook} }`)
    world.nft(`add rule ip weft translate ip daddr ${served} tcp dport 80 dnat to ${addresses.pod2}:8080`)
    expect(await world.tcp('outside', served, 80)).toMatch(/^pod2 /)

    removeKubeProxyLeftovers({ namespace: world.namespace('node') })
    expect(await old.ask(frozen, 80)).toMatch(/^pod1 /)
    expect(await world.tcp('outside', served, 80)).toMatch(/^pod2 /)
    old.close()
  })
})
