import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ipBatch } from '../../kernel/ip.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../kernel/namespaces.ts'
import { run } from '../../kernel/process.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import { bridgeAddress, makeBridges } from './bridges.ts'

const isRoot = process.geteuid?.() === 0

describe.skipIf(!isRoot)('bridges of pods (needs root: makes network namespaces)', () => {
  const node = `weft-t${process.pid}-bridges`
  const pods = ['a', 'b', 'c', 'd'].map((name) => `${node}-${name}`)
  const directory = mkdtempSync(join(tmpdir(), 'weft-bridges-'))
  const ipam = { type: 'host-local', dataDir: directory, ranges: [[{ subnet: '10.9.0.0/24' }]] }
  const plugin = { type: 'bridge', bridge: 'pods0', isDefaultGateway: true, ipam }
  const network = { cniVersion: '0.4.0', name: 'n', plugins: [plugin, { type: 'portmap' }] }
  let namespace: NetworkNamespace
  const addressOf = (link: string) => new KernelRouteNetlink(namespace).link(link)?.address

  beforeAll(async () => {
    for (const name of [node, ...pods]) await createNetns(name)
    namespace = NetworkNamespace.named(node)
    makeBridges(network, namespace)
  })
  afterAll(async () => {
    namespace.close()
    for (const name of [node, ...pods]) await deleteNetns(name)
    rmSync(directory, { recursive: true })
  })

  it('are made once', () => {
    makeBridges(network, namespace)
    expect(addressOf('pods0')).toBe(bridgeAddress)
  })

  it('keep their address whatever ports come and go', async () => {
    const port = 'link add low type veth peer name peer'
    await ipBatch([port, 'link set low address 02:00:00:00:00:01', 'link set low master pods0'], { netns: node })
    expect(addressOf('pods0')).toBe(bridgeAddress)
    await ipBatch(['link del low'], { netns: node })
    expect(addressOf('pods0')).toBe(bridgeAddress)
  })

  it('keep it while the plugin wires several pods at once, and all are told the same', async () => {
    const add = async (pod: string): Promise<unknown> => {
      const env = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: pod, CNI_NETNS: `/run/netns/${pod}`, CNI_IFNAME: 'eth0' }
      const input = JSON.stringify({ ...plugin, cniVersion: '0.4.0', name: 'n' })
      const plugins = { ...env, CNI_PATH: '/usr/lib/cni:/opt/cni/bin' }
      const { stdout } = await run('sh', ['-c', 'PATH=$CNI_PATH exec bridge'], { input, env: plugins, netns: node })
      return (JSON.parse(stdout) as { interfaces?: { mac: string }[] }).interfaces?.[0]?.mac
    }
    expect(await Promise.all(pods.map(add))).toEqual(pods.map(() => bridgeAddress))
    expect(addressOf('pods0')).toBe(bridgeAddress)
  })

  it('are left to the plugin where it is to switch on VLAN filtering', () => {
    makeBridges({ ...network, plugins: [{ ...plugin, bridge: 'vlans0', vlan: 7 }] }, namespace)
    expect(addressOf('vlans0')).toBeUndefined()
  })
})
