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
    const { values, notes } = await loadSettings(agentFlags, flags)
    const { conntrackSysctls } = agentConfig(values, notes, { hostname: 'n1', cores })
    expect(conntrackSysctls.get('net/netfilter/nf_conntrack_max')).toBe(max)
  })
})

describe('an agent with nothing to do', () => {
  const config = async (flags: Record<string, unknown>): Promise<unknown> => {
    const { values, notes } = await loadSettings(agentFlags, flags)
    return agentConfig(values, notes, { hostname: 'n1', cores: 1 })
  }

  it('is a mistake, as with the config.yaml of a K3s whose kube-proxy is off', async () => {
    await expect(config({ 'disable-kube-proxy': 'true' })).rejects.toMatchObject({ code: 'CONFIG_NOTHING_TO_DO' })
  })

  it('has something to do where either is asked for', async () => {
    await expect(config({ 'disable-kube-proxy': 'true', 'flannel-backend': 'host-gw' })).resolves.toBeDefined()
    await expect(config({ 'disable-kube-proxy': 'false' })).resolves.toBeDefined()
  })
})
