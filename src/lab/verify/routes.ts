import { canonicalIP, familyOf } from '../../model/ip.ts'
import type { Service } from '../../kube/types.ts'
import { ipBatch, ipJson } from '../../kernel/ip.ts'
import type { RoutedAddress } from './claim-source.ts'
import { addressOf, type Origins } from './origins.ts'
import { nameOf, type ClusterObjects } from './types.ts'

/** A route of the run in the router's namespace. */
export interface ExternalRoute extends RoutedAddress {
  /** The node's address that it leads through. */
  via: string
}

/**
 * Where the router should lead external and load-balancer addresses that no node has, as whoever announces them would: with
 * externalTrafficPolicy Local to a node with an endpoint, else to any. The first Service with an address decides.
 *
 * @param taken addresses of the lab that must stay reachable: those of routers, of the API, of the client
 */
export function routesFor(objects: ClusterObjects, origins: Origins, taken: readonly string[]): ExternalRoute[] {
  const routes = new Map<string, ExternalRoute>()
  for (const service of objects.services) {
    for (const address of externalAddresses(service)) {
      const isOwn = taken.includes(address) || origins.nodes.some(({ addresses }) => addresses.includes(address))
      const node = announcer(service, objects, origins, routes.size)
      const via = addressOf(node?.nodeIPs ?? [], familyOf(address))
      if (isOwn || routes.has(address) || node === undefined || via === undefined) continue
      routes.set(address, { address, node: node.name, via })
    }
  }
  return [...routes.values()]
}

function externalAddresses({ spec, status }: Service): string[] {
  const ingress = (status?.loadBalancer?.ingress ?? []).filter(({ ipMode = 'VIP' }) => ipMode === 'VIP')
  return [...(spec.externalIPs ?? []), ...ingress.flatMap(({ ip }) => ip ?? [])].flatMap((ip) => canonicalIP(ip) ?? [])
}

function announcer(service: Service, { slices }: ClusterObjects, { nodes }: Origins, turn: number) {
  if (service.spec.externalTrafficPolicy !== 'Local') return nodes[turn % Math.max(1, nodes.length)]
  const own = slices.filter(
    ({ metadata }) =>
      `${metadata.namespace ?? 'default'}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}` === nameOf(service),
  )
  const withEndpoint = new Set(own.flatMap(({ endpoints }) => (endpoints ?? []).map(({ nodeName }) => nodeName)))
  return nodes.find(({ name }) => withEndpoint.has(name)) ?? nodes[0]
}

/** Behind any route that is there already; and what a run that was killed left is found again. */
const metric = 87_000

/** The namespaces in which a run adds routes. */
export interface RoutePlaces {
  router: { netns: string }
  client: { netns: string }
}

/** Adds the routes to the router for the time of a run, and to the client, as an address may lie in its own network. @throws KernelError naming the one that fails */
export const addRoutes = (routes: readonly ExternalRoute[], places: RoutePlaces): Promise<void> =>
  changeRoutes('replace', routes, places)

/** Takes them away again. */
export const removeRoutes = (routes: readonly ExternalRoute[], places: RoutePlaces): Promise<void> =>
  changeRoutes('del', routes, places)

async function changeRoutes(
  verb: 'replace' | 'del',
  routes: readonly ExternalRoute[],
  { router, client }: RoutePlaces,
): Promise<void> {
  if (routes.length === 0) return
  const line = (address: string, via: string): string => `route ${verb} ${address} via ${via} metric ${metric}`
  await ipBatch(
    routes.map(({ address, via }) => line(address, via)),
    router,
  )
  const gateways = { IPv4: await gatewayOf(client.netns, '-4'), IPv6: await gatewayOf(client.netns, '-6') }
  const toRouter = routes.flatMap(({ address }) => {
    const gateway = gateways[familyOf(address)]
    return gateway === undefined ? [] : [line(address, gateway)]
  })
  await ipBatch(toRouter, client)
}

async function gatewayOf(netns: string, family: '-4' | '-6'): Promise<string | undefined> {
  const routes = await ipJson<{ gateway?: string }[]>([family, 'route', 'show', 'default'], { netns })
  return routes[0]?.gateway
}
