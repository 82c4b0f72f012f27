import type { EndpointSlice, SliceEndpoint } from '../model/endpoints.ts'
import { type CIDR, type Family, parseCIDR } from '../model/ip.ts'
import type { Service, ServicePort } from '../model/services.ts'
import { defaultServiceConfig, type ServiceConfig } from './config.ts'
import { makeServiceView, type ServiceView } from './view.ts'

/** Objects for tests of Services: two nodes, n1 being this one. */
export const cidrs = (...texts: string[]): CIDR[] => texts.map((text) => parseCIDR(text) as CIDR)

export function testView(over: Partial<ServiceConfig> = {}): ServiceView {
  const view = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: cidrs('10.42.0.0/16', 'fd42::/56'),
    serviceCIDRs: cidrs('10.43.0.0/16', 'fd43::/112'),
    ...over,
  })
  view.nodes.replaceAll([
    ['n1', { name: 'n1', addresses: ['172.30.0.11', 'fd30::11'] }],
    ['n2', { name: 'n2', addresses: ['172.30.0.12', 'fd30::12'] }],
  ])
  return view
}

export const testPort = (over: Partial<ServicePort> = {}): ServicePort => ({
  name: 'http',
  protocol: 'TCP',
  port: 80,
  nodePort: 0,
  ...over,
})

export const testService = (name: string, over: Partial<Service> = {}): Service => ({
  namespace: 'default',
  name,
  createdMs: 1,
  type: 'ClusterIP',
  clusterIPs: ['10.43.0.10', 'fd43::10'],
  externalIPs: [],
  loadBalancerIPs: [],
  ports: [testPort()],
  affinitySeconds: 0,
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  loadBalancerSourceRanges: [],
  healthCheckNodePort: 0,
  ...over,
})

export const testEndpoint = (address: string, over: Partial<SliceEndpoint> = {}): SliceEndpoint => ({
  address,
  ready: true,
  serving: true,
  terminating: false,
  nodeName: 'n2',
  ...over,
})

export const testSlice = (
  service: string,
  endpoints: readonly SliceEndpoint[],
  over: Partial<EndpointSlice> & { family?: Family } = {},
): EndpointSlice => ({
  namespace: 'default',
  name: `${service}-1`,
  service,
  family: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints,
  ...over,
})
