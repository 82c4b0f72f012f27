import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { defaultServiceConfig } from '../../src/proxy/config.ts'
import { NodeFacts } from '../../src/proxy/node-facts.ts'
import { makeServiceView } from '../../src/proxy/view.ts'
import { noRoot } from './world.ts'

/** Whether the kernel has such devices, as a module perhaps. */
function kernelHas(kind: string): boolean {
  if (noRoot) return false
  const netns = `weft-t${process.pid}-has`
  execFileSync('ip', ['netns', 'add', netns])
  try {
    execFileSync('ip', ['-n', netns, 'link', 'add', 'one', 'type', ...kind.split(' ')], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    execFileSync('ip', ['netns', 'del', netns])
  }
}
const geneve = 'geneve id 7 remote 192.0.2.9 dstport 6081'

describe.skipIf(noRoot)(`facts of a node${noRoot ? ` (${noRoot})` : ''}`, () => {
  const name = `weft-t${process.pid}-facts`
  const ip = (...args: string[]) => execFileSync('ip', ['-n', name, ...args])
  const view = makeServiceView({ ...defaultServiceConfig, nodeName: 'n1' })
  let facts: NodeFacts | undefined
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    ip('link', 'set', 'lo', 'up')
    ip('link', 'add', 'eth0', 'type', 'bridge')
    ip('link', 'set', 'eth0', 'up')
    ip('addr', 'add', '192.0.2.2/24', 'dev', 'eth0')
    facts = new NodeFacts({ view, namespace, fixed: [{ kind: 'api', address: '192.0.2.9', port: 6443 }] })
  })
  afterAll(async () => {
    facts?.close()
    namespace.close()
    await deleteNetns(name)
  })

  it('are there after the start: addresses, and what is known otherwise', () => {
    facts?.start()
    expect([...view.facts.keys()]).toEqual(
      expect.arrayContaining(['address 127.0.0.1 lo', 'address 192.0.2.2 eth0', 'api 192.0.2.9 6443']),
    )
    expect(view.facts.synced).toBe(true)
  })

  it('follow addresses and default routes of both families', async () => {
    ip('addr', 'add', 'fd30::2/64', 'dev', 'eth0', 'nodad')
    ip('route', 'add', 'default', 'via', '192.0.2.1')
    ip('route', 'add', 'default', 'via', 'fd30::1')
    await expect
      .poll(() => [...view.facts.keys()])
      .toEqual(expect.arrayContaining(['address fd30::2 eth0', 'gateway 192.0.2.1', 'gateway fd30::1']))
    expect([...view.facts.keys()]).toEqual(
      expect.arrayContaining(['broadcast 192.0.2.0 eth0', 'broadcast 192.0.2.255 eth0']),
    )
    ip('route', 'add', '198.51.100.0/24', 'via', '192.0.2.7')
    ip('route', 'add', '203.0.113.0/24', 'nexthop', 'via', '192.0.2.8', 'nexthop', 'via', '192.0.2.9')
    await expect
      .poll(() => [...view.facts.keys()])
      .toEqual(expect.arrayContaining(['gateway 192.0.2.7', 'gateway 192.0.2.8', 'gateway 192.0.2.9']))
    ip('route', 'del', 'default', 'via', '192.0.2.1')
    ip('addr', 'del', '192.0.2.2/24', 'dev', 'eth0')
    await expect.poll(() => view.facts.get('gateway 192.0.2.1')).toBeUndefined()
    await expect.poll(() => view.facts.get('address 192.0.2.2 eth0')).toBeUndefined()
  })

  it('follow the pod network that comes after the start, and goes', async () => {
    ip('link', 'add', 'flannel.1', 'type', 'vxlan', 'id', '1', 'dstport', '8472', 'dev', 'eth0', 'nolearning')
    const key = 'tunnel flannel.1 8472'
    await expect
      .poll(() => view.facts.get(key))
      .toEqual({ kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 })
    ip('link', 'del', 'flannel.1')
    await expect.poll(() => view.facts.get(key)).toBeUndefined()
  })

  it.skipIf(!kernelHas(geneve))('follow geneve, where the kernel has it', async () => {
    ip('link', 'add', 'genev_sys_6081', 'type', ...geneve.split(' '))
    await expect.poll(() => view.facts.get('tunnel genev_sys_6081 6081')).toMatchObject({ of: 'geneve', port: 6081 })
  })

  it.skipIf(!kernelHas('wireguard'))('follow WireGuard, where the kernel has it, once it listens', async () => {
    const ofWireGuard = () =>
      [...view.facts.values()].filter((fact) => fact.kind === 'tunnel' && fact.of === 'WireGuard')
    ip('link', 'add', 'wg0', 'type', 'wireguard')
    ip('link', 'set', 'wg0', 'up')
    await expect
      .poll(ofWireGuard)
      .toEqual([{ kind: 'tunnel', device: 'wg0', of: 'WireGuard', port: expect.any(Number) }])
    ip('link', 'del', 'wg0')
    await expect.poll(ofWireGuard).toEqual([])
  })
})
