import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../src/kube/types.ts'
import { parseCIDR } from '../../src/model/ip.ts'
import { defaultServiceConfig } from '../../src/proxy/config.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { decodeService, decodeSlice, makeServiceView, type ServiceView } from '../../src/proxy/view.ts'
import { type Host, KubeProxyWorld } from './kube-proxy-world.ts'
import { noRoot } from './world.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/kube-proxy/${name}`, import.meta.url), 'utf8')
const objects = (name: string): Record<string, unknown>[] =>
  parseAllDocuments(fixture(name)).map((document) => document.toJS() as Record<string, unknown>)
const cidrs = (...texts: string[]) => texts.flatMap((text) => parseCIDR(text) ?? [])

/** The statuses that the API had, and its own Service. */
const ingress: Record<string, string[]> = { lb: ['203.0.113.80'], 'lb-local': ['172.31.7.10', '172.31.7.11'] }
const apiService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kubernetes', namespace: 'default' },
  spec: { clusterIP: '10.43.0.1', clusterIPs: ['10.43.0.1'], ports: [{ name: 'https', port: 443 }] },
}
const apiSlice = {
  metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
  addressType: 'IPv4',
  ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
  endpoints: [{ addresses: ['192.0.2.2'], conditions: { ready: true } }],
}

function fixtureView(): ServiceView {
  const view = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: cidrs('10.42.0.0/16', 'fd42::/56'),
    serviceCIDRs: cidrs('10.43.0.0/16', 'fd43::/112'),
  })
  view.nodes.replaceAll([
    ['n1', { name: 'n1', addresses: ['172.31.7.10', '2001:db8::10'], podCIDRs: ['10.42.0.0/24', 'fd42::/64'] }],
    ['n2', { name: 'n2', addresses: ['172.31.7.11'] }],
    ['n3', { name: 'n3', addresses: ['172.31.7.12'] }],
  ])
  for (const raw of [apiService, ...objects('objects.yaml')]) {
    if (raw['kind'] !== 'Service') continue
    const { name } = (raw as unknown as KubeObject).metadata
    const status = { loadBalancer: { ingress: (ingress[name] ?? []).map((ip) => ({ ip, ipMode: 'VIP' })) } }
    const decoded = decodeService({ ...raw, status } as never)
    if (decoded !== undefined) view.services.set(decoded.key, decoded.value)
  }
  for (const raw of [apiSlice, ...objects('slices.yaml')]) {
    const decoded = decodeSlice(raw as never)
    if (decoded !== undefined) view.slices.set(decoded.key, decoded.value)
  }
  return view
}

/** Where kube-proxy has something to say: the keys of its maps, as `address protocol port`; and what no map of its knows. */
function targets(): string[] {
  const text = fixture('nftables.nft')
  const found = new Set<string>()
  for (const [, map = '', elements = ''] of text.matchAll(/map (\S+) \{[^{}]*elements = \{([^{}]*)\}/g)) {
    for (const [, key = ''] of elements.matchAll(/([0-9a-f.:]*\d? ?\.? ?(?:tcp|udp) \. \d+)/g)) {
      const parts = key.trim().split(' . ')
      if (map.includes('nodeports'))
        for (const node of nodeAddresses(text, elements)) found.add([node, ...parts].join(' '))
      else found.add(parts.join(' '))
    }
  }
  const unserved = ['10.43.0.10 tcp 81', '10.43.0.10 udp 80', '10.43.0.99 tcp 80', 'fd43::11 tcp 81', 'fd43::99 tcp 80']
  return [...found, ...unserved, '172.31.7.10 tcp 30099', '203.0.113.80 tcp 81'].toSorted()
}

/** The map stands in the table of one family. */
const nodeAddresses = (text: string, elements: string): string[] =>
  text.indexOf(elements) < text.indexOf('table ip6 ') ? ['172.31.7.10'] : ['2001:db8::10']

const refused = new Set(['ECONNREFUSED', 'EPERM', 'EHOSTUNREACH', 'ECONNRESET'])
const origins: readonly Host[] = ['pod', 'neighbour', 'node', 'client', 'remote']

describe.skipIf(noRoot)(`Services lead where kube-proxy has them lead${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new KubeProxyWorld()
  beforeAll(() => world.up())
  afterAll(() => world.down())

  /** What a client meets, of enough tries that one of three endpoints is missed less than once in a million surveys; of a Service with affinity how many. */
  async function meets(from: Host, target: string): Promise<string> {
    const [address = '', protocol, port = ''] = target.split(' ')
    const seen = new Set<string>()
    for (let n = 0; n < 54; n++) {
      const to = [from, address, Number(port)] as const
      const answer = await (protocol === 'udp' ? world.udp(...to) : world.tcp(...to))
      seen.add(refused.has(answer) ? 'refused' : answer)
      if (answer === 'TIMEOUT' || refused.has(answer)) break
    }
    return address === '10.43.0.13' ? `one of ${seen.size}` : [...seen].toSorted().join(', ')
  }

  async function survey(): Promise<Record<string, string>> {
    const all = origins.flatMap((from) => targets().map((target) => [from, target] as const))
    const found: Record<string, string> = {}
    const next = async (): Promise<void> => {
      for (let one = all.pop(); one !== undefined; one = all.pop()) found[one.join(' → ')] = await meets(...one)
    }
    await Promise.all(Array.from({ length: 8 }, next))
    return found
  }

  it('from pods, the node, another node and outside, with the same source', async () => {
    expect(targets().length).toBeGreaterThan(25)
    world.nft(fixture('nftables.nft'))
    const theirs = await survey()
    world.nft('flush ruleset')
    const view = fixtureView()
    const parts = (['IPv4', 'IPv6'] as const).map((family) =>
      nftablesProxy({ view, family, clusterUid: 'oracle', namespace: world.namespace('node') }),
    )
    for (const part of parts) {
      await part.start()
      expect(part.reconciler.status()).toMatchObject({ synced: true, failures: 0, refusals: [] })
    }
    const ours = await survey()
    for (const part of parts) part.close()
    expect(Object.values(theirs).filter((answer) => answer.includes('sees')).length).toBeGreaterThan(60)
    expect(ours).toEqual(theirs)
  })
})
