import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { parseCIDR } from '../../src/model/ip.ts'
import { defaultServiceConfig } from '../../src/proxy/config.ts'
import { type NftablesProxy, nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { makeServiceView, type ServiceView } from '../../src/proxy/view.ts'

export const echoIP = '10.43.0.20'
export const dnsIP = '10.43.0.21'
export const stickyIP = '10.43.0.22'

const cidrs = (text: string) => [parseCIDR(text) as NonNullable<ReturnType<typeof parseCIDR>>]

/** Three Services: TCP port 80 to 9090 and 8080 (with affinity of ten minutes), UDP port 53 to 8080. */
export function ownedView(nodeAddress: string): ServiceView {
  const view = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: cidrs('10.42.0.0/16'),
    serviceCIDRs: cidrs('10.43.0.0/16'),
  })
  view.nodes.replaceAll([['n1', { name: 'n1', addresses: [nodeAddress], podCIDRs: [] }]])
  const service = (name: string, clusterIP: string, protocol: 'TCP' | 'UDP', port: number, affinitySeconds = 0): void =>
    view.services.set(`default/${name}`, {
      namespace: 'default',
      name,
      createdMs: 1,
      type: 'ClusterIP',
      clusterIPs: [clusterIP],
      externalIPs: [],
      loadBalancerIPs: [],
      ports: [{ name: '', protocol, port, nodePort: 0 }],
      affinitySeconds,
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      loadBalancerSourceRanges: [],
      healthCheckNodePort: 0,
    })
  service('echo', echoIP, 'TCP', 80)
  service('dns', dnsIP, 'UDP', 53)
  service('sticky', stickyIP, 'TCP', 80, 600)
  return view
}

export function endpointsOf(view: ServiceView, name: 'echo' | 'dns' | 'sticky', ips: readonly string[]): void {
  view.slices.set(`default/${name}-1`, {
    namespace: 'default',
    name: `${name}-1`,
    service: name,
    family: 'IPv4',
    ports: [{ name: '', protocol: name === 'dns' ? 'UDP' : 'TCP', port: name === 'echo' ? 9090 : 8080 }],
    endpoints: ips.map((address) => ({ address, nodeName: 'n1', ready: true, serving: true, terminating: false })),
  } as never)
}

export const ownedProxy = (view: ServiceView, namespace: NetworkNamespace): NftablesProxy =>
  nftablesProxy({ view, family: 'IPv4', clusterUid: 'owned', namespace, tableOwner: true })

/** As a process of its own, which is killed: `NAMESPACE NODE-ADDRESS ENDPOINT`. */
async function main(name: string, node: string, endpoint: string): Promise<void> {
  const view = ownedView(node)
  for (const service of ['echo', 'dns', 'sticky'] as const) endpointsOf(view, service, [endpoint])
  await ownedProxy(view, NetworkNamespace.named(name)).start()
  process.stdout.write('ready\n')
  setInterval(() => {}, 1000)
}

const [, , name, node, endpoint] = process.argv
if (process.env['WEFT_TEST_OWNER'] !== undefined && name && node && endpoint) await main(name, node, endpoint)
