import { canonicalIP, familyOf } from '../../model/ip.ts'
import type { Service, ServicePort } from '../../kube/types.ts'
import type { ClaimSource, Facts } from './claim-source.ts'
import { join, omit } from './claims.ts'
import { choose, endpointsOf, type NamedEndpoint } from './endpoints.ts'
import { expectClusterIP, expectUnserved } from './expect-cluster-ip.ts'
import { expectExternal, type ExternalAddress } from './expect-external.ts'
import { expectNodePort } from './expect-node-port.ts'
import { expectKept, whyKept } from './kept-addresses.ts'
import { addressOf, onePodEachNode } from './origins.ts'
import { refusalByReason, refusalOfAddress, refusalOfNodePort, refusalsOf, refusedText } from './refusals.ts'
import { clusterIPsOf, type ServiceTarget } from './service-target.ts'
import { type Claims, formatTarget, nameOf, type Origin } from './types.ts'

const noClusterIP = 'no Service with a cluster IP, or no Ready pod'
const noNodePort = 'no Service with a node port, or no Ready pod'
const noExternalIP = 'no Service with an external IP that is translated'
const noBalancerIP = 'no Service with a load-balancer IP that is translated'

/** Services: each by each of its addresses and ports, from pods, nodes and outside, in every family. */
export const services: ClaimSource = {
  name: 'Services',
  checks: {
    'ClusterIP from pod': noClusterIP,
    'ClusterIP from node': noClusterIP,
    'ClusterIP from outside': noClusterIP,
    'NodePort from pod': noNodePort,
    'NodePort from node': noNodePort,
    'NodePort from outside': noNodePort,
    'external IP from pod': noExternalIP,
    'external IP from node': noExternalIP,
    'external IP from outside': noExternalIP,
    'load-balancer IP from pod': noBalancerIP,
    'load-balancer IP from node': noBalancerIP,
    'load-balancer IP from outside': noBalancerIP,
    'unserved port': noClusterIP,
    'kept address': 'no Service asks for a management port, or for the address of a gateway or the API',
    'API by ClusterIP': 'there is no Service default/kubernetes with an endpoint',
  },
  needs: ['refusals'],
  claims: (facts) => join(facts.objects.services.map((service) => expectService(service, facts))),
}

/** Label of Services that another proxy takes care of. */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'

function expectService(service: Service, facts: Facts): Claims {
  const reason = whyNotTried(service)
  if (reason !== undefined) return omit('not tried', nameOf(service), reason)
  const targets = (service.spec.ports ?? []).flatMap((port) => targetsOf(service, port, facts))
  return join([
    ...targets.map((target) => ('omissions' in target ? target : expectTarget(target))),
    ...clusterIPsOf(service).map((address) => unserved(service, address, facts)),
    skippedIngress(service),
  ])
}

function whyNotTried(service: Service): string | undefined {
  if (service.spec.type === 'ExternalName') return 'ExternalName: a name for DNS, no address'
  if (service.spec.clusterIP === 'None') return 'headless: a name for DNS, no address'
  if (clusterIPsOf(service).length === 0) return 'it has no cluster IP yet'
  const proxy = service.metadata.labels?.[proxyNameLabel]
  return proxy === undefined ? undefined : `left to another proxy (label ${proxyNameLabel})`
}

/** A ClusterIP that no agent serves on any port is nobody's, so that nothing is said of its other ports. */
function unserved(service: Service, address: string, facts: Facts): Claims {
  const ports = service.spec.ports ?? []
  const isRefused = (port: ServicePort): boolean =>
    refusalOfAddress(refusalsOf(facts.refusals, idOf(service, port)), address) !== undefined
  if (ports.every(isRefused)) return join([])
  return { claims: expectUnserved(service, address, facts), omissions: [] }
}

/** Where a load balancer ends connections itself, or is known by a name, no node translates anything. */
function skippedIngress(service: Service): Claims {
  const ingress = service.status?.loadBalancer?.ingress ?? []
  return join(
    ingress.flatMap(({ ip, hostname, ipMode = 'VIP' }) => {
      const what = `${nameOf(service)} load-balancer address ${ip ?? hostname ?? ''}`
      if (ip === undefined) return omit('not tried', what, 'a name, no address')
      if (ipMode === 'Proxy') return omit('not tried', what, 'ipMode Proxy: the load balancer ends connections itself')
      return []
    }),
  )
}

const idOf = (service: Service, port: ServicePort) => ({ service: nameOf(service), port: port.name ?? '' })

/** A port of a Service in each of its families. */
function targetsOf(service: Service, port: ServicePort, facts: Facts): (ServiceTarget | Claims)[] {
  const name = `${nameOf(service)}:${port.name || port.port}`
  const { protocol = 'TCP' } = port
  if (protocol === 'SCTP') return [omit('not tried', `${name} ${port.port}/SCTP`, 'no SCTP sockets here')]
  const refusals = refusalsOf(facts.refusals, idOf(service, port))
  const wantsAffinity = service.spec.sessionAffinity === 'ClientIP'
  const noAffinity = wantsAffinity ? refusalByReason(refusals, /Affinity/) : undefined
  const targets = clusterIPsOf(service).map((clusterIP) => ({
    service,
    port,
    protocol,
    family: familyOf(clusterIP),
    clusterIP,
    name,
    endpoints: endpointsOf(service, port, facts.objects.slices, familyOf(clusterIP)),
    refusals,
    affinity: wantsAffinity && noAffinity === undefined,
    origins: facts.origins,
    facts,
  }))
  return noAffinity === undefined
    ? targets
    : [...targets, omit('not tried', `${name} session affinity`, refusedText(noAffinity))]
}

function expectTarget(target: ServiceTarget): Claims {
  const strangers = choose(target.endpoints).chosen.filter(({ pod }) => pod === undefined)
  if (strangers.length === 0) return expectAddresses(target)
  if (isAPI(target)) return expectAPI(target)
  const [{ address, port }] = strangers as [NamedEndpoint]
  return omit('not tried', target.name, `its endpoint ${address} port ${port} is no pod: nothing says how it answers`)
}

/** All addresses of a Service port in one family. Where its ClusterIP is refused, so is the node port, which needs the same endpoints. */
function expectAddresses(target: ServiceTarget): Claims {
  const { clusterIP, refusals } = target
  const refusal = refusalOfAddress(refusals, clusterIP)
  const cluster =
    refusal === undefined
      ? join([expectClusterIP(target), nodePort(target)])
      : omit('not tried', `${target.name} ${clusterIP}`, refusedText(refusal))
  return join([cluster, ...externalAddressesOf(target).map((external) => externalAddress(target, external))])
}

function nodePort(target: ServiceTarget): Claims {
  const { nodePort } = target.port
  if (!nodePort) return join([])
  const { origins, facts, refusals, name, protocol } = target
  const address = addressOf(origins.nodes[0]?.nodeIPs ?? [], target.family) ?? ''
  const kept = protocol === 'TCP' ? whyKept(address, nodePort, facts) : undefined
  if (kept !== undefined) return { claims: expectKept(target, address, nodePort, kept), omissions: [] }
  const refusal = refusalOfNodePort(refusals, nodePort)
  if (refusal === undefined) return expectNodePort(target, nodePort)
  return omit('not tried', `${name} node port ${nodePort}`, refusedText(refusal))
}

function externalAddress(target: ServiceTarget, external: ExternalAddress): Claims {
  const { facts, refusals, name, port, protocol } = target
  const { kind, address } = external
  const kept = protocol === 'TCP' || facts.gateways.includes(address) ? whyKept(address, port.port, facts) : undefined
  if (kept !== undefined) return { claims: expectKept(target, address, port.port, kept), omissions: [] }
  const refusal = refusalOfAddress(refusals, address)
  if (refusal === undefined) return expectExternal(target, external)
  return omit('not tried', `${name} ${kind} ${address}`, refusedText(refusal))
}

/** External and load-balancer addresses of the target's family that a node is to translate. */
function externalAddressesOf({ service, family }: ServiceTarget): ExternalAddress[] {
  const { externalIPs = [], loadBalancerSourceRanges = [] } = service.spec
  const ingress = service.status?.loadBalancer?.ingress ?? []
  const balanced = ingress.flatMap(({ ip, ipMode = 'VIP' }) => (ip !== undefined && ipMode === 'VIP' ? ip : []))
  const plain = (addresses: readonly string[]): string[] => [
    ...new Set(addresses.flatMap((address) => canonicalIP(address) ?? []).filter((ip) => familyOf(ip) === family)),
  ]
  return [
    ...plain(externalIPs).map((address) => ({ kind: 'external IP', address, ranges: [] }) as const),
    ...plain(balanced).map(
      (address) => ({ kind: 'load-balancer IP', address, ranges: loadBalancerSourceRanges }) as const,
    ),
  ]
}

const isAPI = ({ service, protocol }: ServiceTarget): boolean =>
  nameOf(service) === 'default/kubernetes' && protocol === 'TCP'

function expectAPI(service: ServiceTarget): Claims {
  const target = { address: service.clusterIP, port: service.port.port, protocol: service.protocol }
  const what = `${service.name} ${formatTarget(target)}`
  const refusal = refusalOfAddress(service.refusals, service.clusterIP)
  if (refusal !== undefined) return omit('not tried', what, refusedText(refusal))
  const from: Exclude<Origin, { kind: 'outside' }>[] = [...onePodEachNode(service.origins), ...service.origins.nodes]
  const common = { check: 'API by ClusterIP', what, group: what, target, tries: { most: 1, least: 1 } } as const
  const claims = from.map((origin) => ({
    ...common,
    origin,
    service: nameOf(service.service),
    via: origin.node,
    expectation: { kind: 'api' } as const,
  }))
  return { claims, omissions: [] }
}
