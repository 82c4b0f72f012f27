import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatCIDR } from '../model/ip.ts'
import { agentFlags } from './agent-flags.ts'
import type { Flag } from './flag.ts'
import { loadSettings } from './settings.ts'
import { parseBindAddress, parseDurationSeconds } from './types.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-config-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const load = (given: Record<string, unknown>) => loadSettings(agentFlags, given)
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

describe('values', () => {
  it.each([
    ['30s', 30],
    ['1h30m', 5400],
    ['0', 0],
    ['100ms', 0.1],
    ['30', undefined],
    ['s', undefined],
    ['-1s', undefined],
  ])('duration %s is %s seconds', (text, seconds) => {
    expect(parseDurationSeconds(text)).toBe(seconds)
  })

  it.each([
    ['127.0.0.1:10249', { address: '127.0.0.1', port: 10249 }],
    ['[::1]:10249', { address: '::1', port: 10249 }],
    ['::1', { address: '::1' }],
    ['0.0.0.0', { address: '0.0.0.0' }],
    ['', { address: '', port: 0 }],
    ['localhost:80', undefined],
    ['127.0.0.1:70000', undefined],
    [':80', undefined],
  ])('%s listens at %j', (text, expected) => {
    expect(parseBindAddress(text)).toEqual(expected)
  })
})

describe('settings', () => {
  it('are the defaults where nothing is said', async () => {
    const { values, origins, notes } = await load({})
    expect(values['cluster-cidr'].map(formatCIDR)).toEqual(['10.42.0.0/16'])
    expect(values['nodeport-addresses']).toEqual(['primary'])
    expect(values['masquerade-all']).toBe(false)
    expect(values['nftables-min-sync-period']).toBe(0)
    expect(values.kubeconfig).toBeUndefined()
    expect(origins['cluster-cidr']).toBe('default')
    expect(notes).toEqual([])
  })

  it('a flag beats --kube-proxy-arg, which beats the file', async () => {
    const config = file(
      'order.yaml',
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclusterCIDR: 10.1.0.0/16\nconntrack: {min: 7, maxPerCore: 8}\n',
    )
    const one = await load({
      config,
      'kube-proxy-arg': ['cluster-cidr=10.2.0.0/16', 'conntrack-min=9'],
      'cluster-cidr': '10.3.0.0/16',
    })
    expect(one.values['cluster-cidr'].map(formatCIDR)).toEqual(['10.3.0.0/16'])
    expect([one.values['conntrack-min'], one.values['conntrack-max-per-core']]).toEqual([9, 8])
    expect(one.origins['conntrack-max-per-core']).toBe('component config file')
  })

  it('takes a whole KubeProxyConfiguration, and says what has no effect or is not known', async () => {
    const config = file(
      'full.yaml',
      `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 0.0.0.0
clientConnection: {kubeconfig: /etc/kubeconfig, qps: 5, burst: 10, acceptContentTypes: ""}
clusterCIDR: "10.42.0.0/16,fd00:42::/56"
mode: nftables
nodePortAddresses: ["192.168.0.0/16"]
nftables: {masqueradeAll: true, minSyncPeriod: 1s, syncPeriod: 30s, masqueradeBit: null}
ipvs: {strictARP: true, scheduler: ""}
featureGates: {A: true}
healthzBindAddress: "[::1]:10256"
newThing: 1
`,
    )
    const { values, notes } = await load({ config })
    expect(values.kubeconfig).toBe('/etc/kubeconfig')
    expect(values['cluster-cidr'].map(formatCIDR)).toEqual(['10.42.0.0/16', 'fd00:42::/56'])
    expect(values['nodeport-addresses']).toEqual(['192.168.0.0/16'])
    expect(values['masquerade-all']).toBe(true)
    expect(values['nftables-min-sync-period']).toBe(1)
    expect(values['healthz-bind-address']).toEqual({ address: '::1', port: 10256 })
    expect(notes.map((note) => note.slice(config.length + 2))).toEqual([
      'newThing is not known here and has no effect',
      expect.stringContaining('bindAddress has no effect'),
      expect.stringContaining('nftables.syncPeriod has no effect'),
      expect.stringContaining('clientConnection.qps has no effect'),
      expect.stringContaining('clientConnection.burst has no effect'),
      expect.stringContaining('featureGates has no effect'),
      expect.stringContaining('ipvs.strictARP has no effect'),
    ])
  })

  it("takes K3s' config.yaml with its drop-ins, and passes over what is K3s' own", async () => {
    const config = file(
      'config.yaml',
      'cluster-cidr: 10.50.0.0/16\ntoken: secret\nkube-proxy-arg:\n  - nodeport-addresses=10.0.0.0/8\n',
    )
    mkdirSync(`${config}.d`)
    writeFileSync(
      join(`${config}.d`, '10-more.yaml'),
      'kube-proxy-arg+:\n  - masquerade-all\nflannel-backend: host-gw\n',
    )
    const { values } = await load({ config })
    expect(values['cluster-cidr'].map(formatCIDR)).toEqual(['10.50.0.0/16'])
    expect(values['nodeport-addresses']).toEqual(['10.0.0.0/8'])
    expect(values['masquerade-all']).toBe(true)
    expect(values['flannel-backend']).toBe('host-gw')
  })

  it.each([
    ['proxy-mode=nftables'],
    ['--proxy-mode=nftables'],
    ['nodeport-addresses=10.0.0.0/8,192.168.0.0/16'],
    ['masquerade-all'],
  ])('takes --kube-proxy-arg %s', async (argument) => {
    await expect(load({ 'kube-proxy-arg': [argument] })).resolves.toBeDefined()
  })

  it('appends to a list with +=', async () => {
    const { values } = await load({
      'kube-proxy-arg': ['nodeport-addresses=10.0.0.0/8', 'nodeport-addresses+=192.168.0.0/16'],
    })
    expect(values['nodeport-addresses']).toEqual(['10.0.0.0/8', '192.168.0.0/16'])
  })
})

describe('mistakes', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['no CIDR', { 'cluster-cidr': '10.42.0.0' }, '--cluster-cidr', 'is no CIDR'],
    ['host bits', { 'cluster-cidr': '10.42.0.1/16' }, '--cluster-cidr', 'is no CIDR'],
    ['one family twice', { 'service-cidr': '10.1.0.0/16,10.2.0.0/16' }, '--service-cidr', 'one of each family'],
    [
      'a mode that is not here',
      { 'kube-proxy-arg': 'proxy-mode=ipvs' },
      '--kube-proxy-arg proxy-mode',
      'has no ipvs mode',
    ],
    ['a mode that is none', { 'proxy-mode': 'ebpf' }, '--proxy-mode', 'not one of: nftables'],
    ['primary with others', { 'nodeport-addresses': 'primary,10.0.0.0/8' }, '--nodeport-addresses', 'stands alone'],
    ['a truth value', { 'masquerade-all': 'maybe' }, '--masquerade-all', 'truth value'],
    ['a number', { 'conntrack-min': 'many' }, '--conntrack-min', 'whole number'],
    ['a negative number', { 'conntrack-min': '-1' }, '--conntrack-min', 'negative'],
    ['a bind address', { 'metrics-bind-address': 'localhost' }, '--metrics-bind-address', 'address to listen on'],
    [
      'an argument of somebody else',
      { 'kube-proxy-arg': 'run-dir=/x' },
      '--kube-proxy-arg',
      'no argument of kube-proxy',
    ],
    ['an argument without a name', { 'kube-proxy-arg': '=1' }, '--kube-proxy-arg', 'no argument of kube-proxy'],
    ['a flag that is not there', { 'cluster-cdir': '10.0.0.0/8' }, '--cluster-cdir', 'there is no flag'],
  ])('%s is refused with its place', async (_name, given, where, what) => {
    await expect(load(given)).rejects.toMatchObject({
      where,
      message: expect.stringContaining(what),
      remedy: expect.any(String),
    })
  })

  it.each([
    ['no file', undefined, 'CONFIG_UNREADABLE'],
    ['no YAML', 'a: [', 'CONFIG_NOT_YAML'],
    ['a list', '- a\n', 'CONFIG_NOT_YAML'],
    ['another kind', 'apiVersion: v1\nkind: Pod\n', 'CONFIG_KIND'],
    [
      'a wrong value',
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {min: x}\n',
      'CONFIG_INVALID',
    ],
  ])('a file with %s is refused', async (name, text, code) => {
    const config = text === undefined ? join(dir, 'missing.yaml') : file(`${name}.yaml`, text)
    await expect(load({ config })).rejects.toMatchObject({ code, where: expect.stringContaining(config) })
  })

  it('names what was probably meant', async () => {
    await expect(load({ 'cluster-cdir': 'x' })).rejects.toMatchObject({
      remedy: expect.stringContaining('cluster-cidr'),
    })
  })
})

describe('docs/configuration.md', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

  it.each(Object.entries<Flag>(agentFlags as Record<string, Flag<any>>))(
    'tells of --%s what the table has',
    (name, row: Flag) => {
      const line = page.split('\n').find((one) => one.startsWith(`| \`--${name}\` |`))
      const parts = row.noEffect === undefined ? [row.help, row.default, row.field] : [row.noEffect]
      for (const part of parts) if (part !== undefined) expect(line).toContain(part)
    },
  )
})
