import type { Service, ServicePort } from '../../kube/types.ts'
import { join, omit } from './claims.ts'
import { choose, endpointsOf, type NamedEndpoint } from './endpoints.ts'
import { expectClusterIP, expectUnserved } from './expect-cluster-ip.ts'
import { expectNodePort } from './expect-node-port.ts'
import { type Origins, onePodEachNode } from './origins.ts'
import { clusterIPsOf, type ServiceTarget } from './service-target.ts'
import { type Claim, type Claims, type ClusterObjects, formatTarget, nameOf, type Origin } from './types.ts'

/** Label of Services that another proxy takes care of. */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'

export function expectServices(objects: ClusterObjects, origins: Origins): Claims {
  const parts = objects.services.map((service) => expectService(service, objects, origins))
  const unserved = expectUnserved(
    objects.services.filter((service) => whyNotTried(service) === undefined),
    origins,
  )
  return {
    claims: [...parts.flatMap((part) => part.claims), ...unserved],
    omissions: parts.flatMap((part) => part.omissions),
  }
}

function expectService(service: Service, objects: ClusterObjects, origins: Origins): Claims {
  const reason = whyNotTried(service)
  if (reason !== undefined) return omit('not tried', nameOf(service), reason)
  const ports = (service.spec.ports ?? []).map((port) => expectPort(service, port, objects, origins))
  return join([...ports, externalAddresses(service)])
}

function whyNotTried(service: Service): string | undefined {
  if (service.spec.type === 'ExternalName') return 'ExternalName: a name for DNS, no address'
  if (service.spec.clusterIP === 'None') return 'headless: a name for DNS, no address'
  if (clusterIPsOf(service).length === 0) return 'it has no cluster IP yet'
  const proxy = service.metadata.labels?.[proxyNameLabel]
  return proxy === undefined ? undefined : `left to another proxy (label ${proxyNameLabel})`
}

function externalAddresses(service: Service): Claims {
  const external = (service.spec.externalIPs ?? []).map((address) => `external address ${address}`)
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map(
    ({ ip, hostname }) => `load-balancer address ${ip ?? hostname ?? ''}`,
  )
  return join(
    [...external, ...ingress].map((what) => omit('not tried', `${nameOf(service)} ${what}`, 'not translated yet')),
  )
}

function expectPort(service: Service, port: ServicePort, objects: ClusterObjects, origins: Origins): Claims {
  const name = `${nameOf(service)}:${port.name || port.port}`
  const { protocol = 'TCP' } = port
  if (protocol === 'SCTP') return omit('not tried', `${name} ${port.port}/SCTP`, 'SCTP: Node has no sockets for it')
  const targets = clusterIPsOf(service).map((clusterIP) => ({
    service,
    port,
    protocol,
    clusterIP,
    name,
    origins,
    endpoints: endpointsOf(service, port, objects.slices, clusterIP),
  }))
  return join(targets.map(expectTarget))
}

function expectTarget(target: ServiceTarget): Claims {
  const strangers = choose(target.endpoints).chosen.filter(({ pod }) => pod === undefined)
  if (strangers.length === 0) return join([expectClusterIP(target), expectNodePort(target)])
  if (isAPI(target)) return { claims: expectAPI(target), omissions: [] }
  const [{ address, port }] = strangers as [NamedEndpoint]
  return omit('not tried', target.name, `its endpoint ${address} port ${port} is no pod: nothing says how it answers`)
}

const isAPI = ({ service, protocol }: ServiceTarget): boolean =>
  nameOf(service) === 'default/kubernetes' && protocol === 'TCP'

function expectAPI(service: ServiceTarget): Claim[] {
  const target = { address: service.clusterIP, port: service.port.port, protocol: service.protocol }
  const what = `${service.name} ${formatTarget(target)}`
  const from: Origin[] = [...onePodEachNode(service.origins), ...service.origins.nodes]
  const common = { check: 'API by ClusterIP', what, group: what, target, tries: { most: 1, least: 1 } } as const
  return from.map((origin) => ({ ...common, origin, expectation: { kind: 'api' } }))
}
