import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeView } from '../../src/agent/sources.ts'
import { createOwnableTable, ownerSocket, ownTable } from '../../src/kernel/nftables/ownership.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'
import { parseCIDR } from '../../src/model/ip.ts'
import { fixedFamilies, ServedFamilies } from '../../src/proxy/families.ts'
import { readFirewalls, removeAccepts } from '../../src/proxy/host/firewall.ts'
import { proxyHost } from '../../src/proxy/host/index.ts'
import { droppedMs, noRoot, World } from './world.ts'

const clusterCIDRs = ['10.42.0.0/16', 'fd42::/56'].flatMap((text) => parseCIDR(text) ?? [])
const words = 'dnat from=10.42.0.0/16 to=10.42.0.0/16'
const bothFamilies = 'dnat from=10.42.0.0/16 from=fd42::/56 to=10.42.0.0/16 to=fd42::/56'

describe.skipIf(noRoot)(`what Services need of the host${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('host')
  let nowMs = 1_000_000
  const make = () => {
    const families = fixedFamilies('IPv4', 'IPv6')
    // No jitter: when a repair comes is the same each time.
    const clock = { now: () => nowMs, random: () => 1 }
    return proxyHost({ families, clusterCIDRs, namespace: world.namespace('node'), ...clock })
  }
  const started = async (): Promise<ReturnType<typeof make>> => {
    const host = make()
    await host.start()
    return host
  }
  const inNode = (...command: string[]): string =>
    execFileSync('ip', ['netns', 'exec', world.name('node'), ...command], { encoding: 'utf8', stdio: 'pipe' })
  const ask = (waitMs?: number): Promise<string> => world.tcp('outside', '10.43.0.10', 80, waitMs)
  const hasIptables = (): boolean => {
    try {
      return inNode('iptables', '-V').includes('nf_tables')
    } catch {
      return false
    }
  }
  /** Drops all that is forwarded, in three ways. */
  const firewalls = {
    'a policy of drop':
      'table inet strict {\n chain forward {\n type filter hook forward priority 0; policy drop;\n }\n}\n',
    'a last rule that rejects, later': `table inet firewalld {
      chain filter_FORWARD {
        type filter hook forward priority 10; policy accept;
        ct state established,related accept
        reject with icmpx type admin-prohibited
      }
    }\n`,
    'a last rule that counts and drops': `table ip old {
      chain passing {
        type filter hook forward priority -5; policy accept;
        counter drop
      }
    }\n`,
  }
  const load = (text: string): string =>
    execFileSync('ip', ['netns', 'exec', world.name('node'), 'nft', '-f', '-'], { input: text, encoding: 'utf8' })

  beforeAll(() => world.up())
  afterAll(() => world.down())
  afterEach(() => {
    world.nft('flush', 'ruleset')
  })

  const translate = (): string =>
    load(`table ip t {
      chain pre {
        type nat hook prerouting priority -100; policy accept;
        ip daddr 10.43.0.10 tcp dport 80 dnat to 10.42.0.2:8080
      }
    }\n`)

  it('sets what it may, and sets it again when somebody takes it back', async () => {
    const namespace = world.namespace('node')
    for (const key of ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/bridge/bridge-nf-call-iptables'])
      writeSysctl(namespace, key, 0)
    writeSysctl(namespace, 'net/ipv4/conf/eth0/send_redirects', 1)
    writeSysctl(namespace, 'net/ipv6/conf/eth0/accept_ra', 1)
    const host = await started()
    expect(host.reconciler.status()).toMatchObject({ synced: true, failures: 0 })
    expect(readSysctl(namespace, 'net/ipv4/ip_forward')).toBe('1')
    expect(readSysctl(namespace, 'net/ipv6/conf/all/forwarding')).toBe('1')
    expect(readSysctl(namespace, 'net/bridge/bridge-nf-call-iptables')).toBe('1')
    expect(readSysctl(namespace, 'net/ipv4/conf/eth0/send_redirects')).toBe('0')
    // Else the host would lose its own default route.
    expect(readSysctl(namespace, 'net/ipv6/conf/eth0/accept_ra')).toBe('2')
    expect(host.reconciler.suspect).toBe(false)
    writeSysctl(namespace, 'net/ipv4/ip_forward', 0)
    expect(host.reconciler.suspect).toBe(true)
    expect(await host.reconciler.audit()).toBe(1)
    expect(readSysctl(namespace, 'net/ipv4/ip_forward')).toBe('1')
    const again = make()
    expect(await again.dryRun()).toEqual([])
  })

  /** As the scheduler does it, once in half a second. */
  const look = async ({ reconciler }: ReturnType<typeof make>): Promise<void> => {
    nowMs += 500
    reconciler.tick()
    if (reconciler.due) await reconciler.flush()
    if (reconciler.suspect) await reconciler.audit()
  }

  it('repairs ever more slowly what somebody keeps taking back, says so, and does not look at all of it meanwhile', async () => {
    const namespace = world.namespace('node')
    const host = await started()
    const forwarding = (): string => readSysctl(namespace, 'net/ipv4/ip_forward')
    let repairs = 0
    for (let round = 0; round < 120; round++) {
      if (forwarding() === '1') {
        repairs++
        writeSysctl(namespace, 'net/ipv4/ip_forward', 0)
      }
      await look(host)
    }
    expect(repairs).toBeGreaterThan(4)
    expect(repairs).toBeLessThan(16)
    const status = host.reconciler.status()
    expect(status).toMatchObject({ synced: false, pending: 1, contested: 1, failing: [] })
    const [{ subject, reason, message } = { subject: '', reason: '', message: '' }] = status.refusals
    expect([subject, reason]).toEqual(['@sysctl net/ipv4/ip_forward', 'Contested'])
    expect(message).toMatch(/\(wanted: "1", found: "0"\): \d times in \d+ s.*\/etc\/sysctl\.d/)
    // What is put off is known to be wrong: no need to read it all again and again.
    expect(forwarding()).toBe('0')
    expect(host.reconciler.suspect).toBe(false)
    // Others do not wait with it.
    writeSysctl(namespace, 'net/ipv4/conf/eth0/send_redirects', 1)
    await look(host)
    expect(readSysctl(namespace, 'net/ipv4/conf/eth0/send_redirects')).toBe('0')
    for (let round = 0; round < 120; round++) await look(host)
    expect(forwarding()).toBe('1')
    expect(host.reconciler.status()).toMatchObject({ synced: true, pending: 0 })
  })

  it('repairs ever more slowly where a firewall is loaded again and again', async () => {
    load(firewalls['a policy of drop'])
    const host = await started()
    const accepts = (): number => readFirewalls(world.namespace('node'))[0]?.accepts.length ?? 0
    let repairs = 0
    for (let round = 0; round < 60; round++) {
      if (accepts() > 0) {
        repairs++
        world.nft('flush', 'chain', 'inet', 'strict', 'forward')
      }
      await look(host)
    }
    expect(repairs).toBeGreaterThan(4)
    expect(repairs).toBeLessThan(16)
    expect(host.reconciler.status().refusals).toMatchObject([
      { subject: '@forward-accept inet strict forward', reason: 'Contested' },
    ])
    for (let round = 0; round < 120; round++) await look(host)
    expect(accepts()).toBe(5)
  })

  it('sets what a family needs that comes later', async () => {
    const namespace = world.namespace('node')
    const view = makeView({ nodeName: 'n1', serviceCIDRs: ['10.43.0.0/16'].flatMap((text) => parseCIDR(text) ?? []) })
    view.serviceCIDRs.replaceAll([])
    const families = new ServedFamilies(view, () => true)
    writeSysctl(namespace, 'net/ipv6/conf/all/forwarding', 0)
    const host = proxyHost({ families, clusterCIDRs, namespace })
    const stop = host.follow((subjects) => host.reconciler.touch(subjects))
    await host.start()
    expect(readSysctl(namespace, 'net/ipv6/conf/all/forwarding')).toBe('0')
    view.serviceCIDRs.set(
      'six',
      [parseCIDR('fd43::/112')].flatMap((cidr) => cidr ?? []),
    )
    families.look()
    await host.reconciler.flush()
    expect(readSysctl(namespace, 'net/ipv6/conf/all/forwarding')).toBe('1')
    stop()
  })

  it.each(Object.entries(firewalls))(
    'lets the traffic through %s, and takes its rules away again',
    async (_name, text) => {
      translate()
      load(text)
      expect(await ask(droppedMs)).not.toContain('pod1')
      const host = await started()
      expect(host.reconciler.status()).toMatchObject({ synced: true, failures: 0 })
      expect(await ask()).toBe('pod1 172.30.0.200')
      expect(host.reconciler.suspect).toBe(false)
      // A reload of the firewall.
      const table = /table (\S+ \S+)/.exec(text)?.[1] ?? ''
      load(`delete table ${table}\n${text}`)
      expect(host.reconciler.suspect).toBe(true)
      await host.reconciler.audit()
      expect(await ask()).toBe('pod1 172.30.0.200')
      const [chain] = readFirewalls(world.namespace('node'))
      expect(chain?.accepts.toSorted().join(' ')).toBe(chain?.id.startsWith('ip ') ? words : bothFamilies)
      removeAccepts(chain?.id ?? '', world.namespace('node'))
      expect(readFirewalls(world.namespace('node'))).toEqual([{ ...chain, accepts: [] }])
    },
  )

  it('lets it through iptables, in its own words', async (context) => {
    context.skip(!hasIptables(), 'no iptables of the nf_tables kind is installed')
    translate()
    inNode('iptables', '-P', 'FORWARD', 'DROP')
    inNode('iptables', '-A', 'FORWARD', '-i', 'lo', '-j', 'ACCEPT')
    expect(await ask(droppedMs)).not.toContain('pod1')
    const host = await started()
    expect(host.reconciler.status().failures).toBe(0)
    expect(await ask()).toBe('pod1 172.30.0.200')
    // iptables still understands its table.
    expect(inNode('iptables', '-S', 'FORWARD')).toContain('-A FORWARD -i lo -j ACCEPT')
    inNode('iptables', '-F', 'FORWARD')
    await host.reconciler.audit()
    expect(await ask()).toBe('pod1 172.30.0.200')
    expect(await host.reconciler.audit()).toBe(0)
    removeAccepts('ip filter FORWARD', world.namespace('node'))
    expect(inNode('iptables', '-S', 'FORWARD').trim()).toBe('-P FORWARD DROP')
  })

  it('takes its rules back where a chain no longer drops, and adds none where none does', async () => {
    load(firewalls['a policy of drop'])
    load('table inet open {\n chain forward {\n type filter hook forward priority 0; policy accept;\n }\n}\n')
    const host = await started()
    world.nft('chain inet strict forward { policy accept; }')
    await host.reconciler.audit()
    expect(readFirewalls(world.namespace('node')).map(({ accepts }) => accepts)).toEqual([[], []])
  })

  it('says what to do where a firewall lets nobody in', async () => {
    const namespace = world.namespace('node')
    if (!createOwnableTable('ip', 'firewalld', 'x', namespace)) return
    world.nft('add chain ip firewalld passing { type filter hook forward priority 0; policy drop; }')
    const owner = ownerSocket(namespace)
    ownTable(owner, 'ip', 'firewalld', namespace)
    const host = await started()
    const status = host.reconciler.status()
    expect(status.failures).toBe(1)
    expect(JSON.stringify(status)).toContain('firewall-cmd --permanent --zone=trusted')
    owner.close()
  })
})
