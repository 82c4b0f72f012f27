import { describe, expect, it } from 'vitest'
import { agentFlags } from '../config/agent-flags.ts'
import { loadSettings } from '../config/settings.ts'
import { agentConfig } from './config.ts'

describe('settings of connection tracking', () => {
  it.each([
    ['58 so many a core', { 'conntrack-max-per-core': '40000', 'conntrack-min': '1' }, 4, '160000'],
    ['58 never less than the least', { 'conntrack-max-per-core': '10', 'conntrack-min': '5000' }, 4, '5000'],
    ['58 never more than a million', { 'conntrack-max-per-core': '40000', 'conntrack-min': '1' }, 256, '1048576'],
    ['58 nothing for 0', { 'conntrack-max-per-core': '0', 'conntrack-min': '5000' }, 4, undefined],
  ])('%s', async (_name, flags, cores, max) => {
    const { conntrackSysctls } = agentConfig(await loadSettings(agentFlags, flags), { hostname: 'n1', cores })
    expect(conntrackSysctls.get('net/netfilter/nf_conntrack_max')).toBe(max)
  })
})

describe('an agent with nothing to do', () => {
  const config = async (flags: Record<string, unknown>): Promise<unknown> =>
    agentConfig(await loadSettings(agentFlags, flags), { hostname: 'n1', cores: 1 })

  it('is a mistake, as with the config.yaml of a K3s whose kube-proxy is off', async () => {
    await expect(config({ 'disable-kube-proxy': 'true' })).rejects.toMatchObject({ code: 'CONFIG_NOTHING_TO_DO' })
  })

  it('has something to do where either is asked for', async () => {
    await expect(config({ 'disable-kube-proxy': 'true', 'flannel-backend': 'host-gw' })).resolves.toBeDefined()
    await expect(config({ 'disable-kube-proxy': 'false' })).resolves.toBeDefined()
  })
})

describe('settings that do not go together', () => {
  it.each([
    [{ 'cluster-cidr': '10.43.0.0/16' }, 'CONFIG_RANGES_OVERLAP', '--cluster-cidr, --service-cidr'],
    [
      { 'cluster-cidr': '10.42.0.0/16,fd42::/56', 'service-cidr': '10.43.0.0/16' },
      'CONFIG_FAMILIES_DIFFER',
      '--cluster-cidr, --service-cidr',
    ],
    [{ 'cluster-cidr': 'fd42::/56', 'service-cidr': '10.43.0.0/16' }, 'CONFIG_FAMILIES_DIFFER', '--cluster-cidr'],
    [{ 'detect-local-mode': 'BridgeInterface' }, 'CONFIG_INCOMPLETE', '--detect-local-mode'],
    [
      { 'healthz-bind-address': '0.0.0.0:1', 'metrics-bind-address': '0.0.0.0', 'metrics-port': '1' },
      'CONFIG_ADDRESS_TWICE',
      '--healthz-bind-address',
    ],
  ])('%j: %s', async (flags, code, where) => {
    const settings = await loadSettings(agentFlags, flags)
    expect(() => agentConfig(settings, { hostname: 'n1', cores: 1 })).toThrow(
      expect.objectContaining({ code, where: expect.stringContaining(where), remedy: expect.stringContaining('--') }),
    )
  })

  it('the other families of a range that is not named come from the API', async () => {
    const settings = await loadSettings(agentFlags, { 'cluster-cidr': '10.42.0.0/16,fd42::/56' })
    expect(agentConfig(settings, { hostname: 'n1', cores: 1 }).clusterCIDRs).toHaveLength(2)
  })

  it('what stands alone and says nothing is told', async () => {
    const settings = await loadSettings(agentFlags, { 'pod-bridge-interface': 'cni0' })
    expect(agentConfig(settings, { hostname: 'n1', cores: 1 }).notes).toEqual([
      '--pod-bridge-interface has no effect: --detect-local-mode is ClusterCIDR',
    ])
  })
})

describe("the node's name", () => {
  it.each([
    [{}, 'host-1'],
    [{ 'node-name': 'Node-A' }, 'node-a'],
    [{ 'kube-proxy-arg': 'hostname-override=b' }, 'b'],
    [{ 'with-node-id': true }, 'host-1-12345678'],
    [{ 'with-node-id': true, 'node-name': 'A' }, 'a-12345678'],
  ])('%j: %s, as K3s makes it', async (flags, name) => {
    const machine = { hostname: 'Host-1', cores: 1, nodeId: () => '12345678' }
    expect(agentConfig(await loadSettings(agentFlags, flags), machine).nodeName).toBe(name)
  })
})
