import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentFlags } from './agent-flags.ts'
import { controllerFlags } from './controller-flags.ts'
import type { Flag } from './flag.ts'
import { exampleOf } from './mistake.ts'
import { nearest, typoOf } from './nearest.ts'
import { loadSettings } from './settings.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-mistakes-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const tables = { agent: agentFlags, controller: controllerFlags } as unknown as Record<string, Record<string, Flag>>
const rows = Object.entries(tables).flatMap(([command, table]) =>
  Object.entries(table).map(([name, row]) => ({ command, table, name, row })),
)

describe('every flag', () => {
  it.each(rows)('$command --$name takes the example that its errors show', async ({ table, name, row }) => {
    if (['config', 'detect-local-mode'].includes(name)) return
    await expect(loadSettings(table, { [name]: exampleOf(row) })).resolves.toBeDefined()
  })

  const mayBeEmpty = ({ type, noEffect }: Flag): boolean =>
    type === 'bindAddress' || type === 'address' || noEffect !== undefined
  it.each(rows.filter(({ row }) => !mayBeEmpty(row) && row.argumentsOf === undefined))(
    '$command --$name is refused where it is empty',
    async ({ table, name, row }) => {
      if (name === 'config') return
      await expect(loadSettings(table, { [name]: '' })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        where: `--${name}`,
        remedy: `write for example --${name}=${exampleOf(row)}, or leave it out`,
      })
    },
  )

  const wrong: Partial<Record<string, string>> = {
    boolean: 'perhaps',
    integer: 'many',
    duration: 'long',
    bindAddress: 'there',
    address: 'there',
    cidrs: 'all',
  }
  it.each(rows.filter(({ row }) => wrong[row.type] !== undefined))(
    '$command --$name says what to write in place of nonsense',
    async ({ table, name, row }) => {
      await expect(loadSettings(table, { [name]: wrong[row.type] })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        where: `--${name}`,
        remedy: expect.stringMatching(new RegExp(`write (for example )?--${name}=`)),
      })
    },
  )
})

describe('what was probably meant', () => {
  it.each<[string, string, string]>([
    ['cluster-cidr', '10.42.3.0/16', '10.42.0.0/16'],
    ['cluster-cidr', '10.42.0.0', '10.42.0.0/16'],
    ['cluster-cidr', '10.42.0.0/16 fd42::/56', '10.42.0.0/16,fd42::/56'],
    ['cluster-cidr', 'fd42::1/56', 'fd42::/56'],
    ['conntrack-udp-timeout', '30', '30s'],
    ['conntrack-udp-timeout', '5 minutes', '5m'],
    ['conntrack-udp-timeout', '2d', '48h'],
    ['conntrack-udp-timeout', '100 ms', '100ms'],
    ['metrics-bind-address', 'localhost:9000', '127.0.0.1:9000'],
    ['metrics-bind-address', ':9000', '0.0.0.0:9000'],
    ['metrics-bind-address', '*:9000', '0.0.0.0:9000'],
    ['metrics-bind-address', '9000', '127.0.0.1:9000'],
    ['metrics-bind-address', 'http://127.0.0.1:9000/', '127.0.0.1:9000'],
    ['masquerade-all', 'yes', 'true'],
    ['masquerade-all', 'flase', 'false'],
    ['conntrack-min', '131,072', '131072'],
    ['proxy-mode', 'nft', 'nftables'],
    ['proxy-mode', 'NFTables', 'nftables'],
    ['detect-local-mode', 'nodecidr', 'NodeCIDR'],
    ['flannel-backend', 'hostgw', 'host-gw'],
  ])('--%s %s: %s', async (name, given, meant) => {
    await expect(loadSettings(agentFlags, { [name]: given })).rejects.toMatchObject({
      remedy: `did you mean ${meant}? write --${name}=${meant}`,
    })
  })

  it.each([
    ['cluster-cdir', 'cluster-cidr'],
    ['cidr-cluster', 'cluster-cidr'],
    ['cidr', 'cluster-cidr'],
    ['nodeport_addresses', 'nodeport-addresses'],
    ['Cluster-CIDR', 'cluster-cidr'],
    ['something', undefined],
    ['', undefined],
  ])('the name %s: %s', (given, meant) => {
    expect(nearest(given, ['cluster-cidr', 'nodeport-addresses', 'v'])).toBe(meant)
  })

  it('a part of a name is no typo', () => {
    expect(typoOf('disable', ['disable-kube-proxy'])).toBeUndefined()
  })
})

describe('modes that others have', () => {
  it.each([
    ['proxy-mode', 'ipvs', '--proxy-mode=nftables'],
    ['proxy-mode', 'iptables', '--proxy-mode=nftables'],
    ['flannel-backend', 'vxlan', '--flannel-backend=none'],
    ['flannel-backend', 'wireguard-native', '--flannel-backend=none'],
  ])('--%s %s is refused with what there is', async (name, given, instead) => {
    await expect(loadSettings(agentFlags, { [name]: given })).rejects.toMatchObject({
      message: expect.stringContaining(`this version has no ${given}`),
      remedy: expect.stringContaining(instead),
    })
  })
})

describe('flags that come several times', () => {
  it('hold all where they hold a list', async () => {
    const { values } = await loadSettings(agentFlags, { 'nodeport-addresses': ['10.0.0.0/8', '192.168.0.0/16'] })
    expect(values['nodeport-addresses']).toEqual(['10.0.0.0/8', '192.168.0.0/16'])
  })

  it('hold the last elsewhere, and say so where they differ', async () => {
    const { values, notes } = await loadSettings(agentFlags, { 'conntrack-min': ['1', '2'], 'run-dir': ['/a', '/a'] })
    expect([values['conntrack-min'], values['run-dir']]).toEqual([2, '/a'])
    expect(notes).toEqual(['--conntrack-min is given 2 times; the last counts: 2'])
  })

  it('under two names may not say different things', async () => {
    await expect(loadSettings(agentFlags, { 'node-name': 'a', 'hostname-override': 'b' })).rejects.toMatchObject({
      code: 'CONFIG_CONTRADICTION',
    })
    const same = await loadSettings(agentFlags, { 'node-name': 'a', 'hostname-override': 'a' })
    expect(same.values['node-name']).toBe('a')
    const other = await loadSettings(agentFlags, { 'node-name': 'a', 'kube-proxy-arg': 'hostname-override=b' })
    expect(other.values['node-name']).toBe('a')
  })
})

describe('a KubeProxyConfiguration', () => {
  const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n'
  const load = (text: string) => {
    const config = join(dir, 'proxy.yaml')
    writeFileSync(config, head + text)
    return loadSettings(agentFlags, { config })
  }

  it('as kubeadm writes it has nothing to be told of', async () => {
    const { notes } = await load(`bindAddress: ""
bindAddressHardFail: false
clientConnection: {acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, qps: 0}
clusterCIDR: ""
configSyncPeriod: 0s
conntrack: {maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null, udpStreamTimeout: 0s, udpTimeout: 0s}
detectLocal: {bridgeInterface: "", interfaceNamePrefix: ""}
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
ipvs: {excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s}
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}, verbosity: 0}
metricsBindAddress: ""
mode: ""
nftables: {masqueradeAll: false, masqueradeBit: null, minSyncPeriod: null, syncPeriod: null}
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: {enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: ""}
`)
    expect(notes.filter((note) => !note.includes('infoBufferSize'))).toEqual([])
  })

  it.each([
    [
      'conntrack: {maxPerCores: 5}\n',
      'conntrack.maxPerCores is not known here and has no effect; did you mean conntrack.maxPerCore?',
    ],
    ['winkernel: {enableDSR: true}\n', 'winkernel.enableDSR has no effect: this is Linux'],
    ['iptables: {masqueradeAll: true}\n', 'did you mean nftables.masqueradeAll?'],
  ])('%j is told', async (text, expected) => {
    expect((await load(text)).notes).toEqual([expect.stringContaining(expected)])
  })

  it.each([
    ['conntrack: {min: x}\n', 'conntrack.min', 'write for example conntrack.min: 131072'],
    ['conntrack: 5\n', 'conntrack', 'below it'],
    ['mode: {a: b}\n', 'mode', 'write for example mode: nftables'],
    ['nftables: {minSyncPeriod: 5}\n', 'nftables.minSyncPeriod', 'write nftables.minSyncPeriod: 5s'],
  ])('%j is refused', async (text, field, remedy) => {
    await expect(load(text)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      where: expect.stringMatching(new RegExp(`: ${field}$`)),
      remedy: expect.stringContaining(remedy),
    })
  })
})
