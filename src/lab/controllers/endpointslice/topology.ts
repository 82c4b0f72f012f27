import type { Occurrence } from '../events.ts'
import type { Endpoint, Node, Service } from '../kinds.ts'
import { conditionOf } from '../pods.ts'
import type { DesiredGroup } from './reconcile.ts'

const zoneLabel = 'topology.kubernetes.io/zone'
const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']

/** How much more than its share an endpoint may get (kube-controller-manager, OverloadThreshold). */
const overload = 0.2

/** Topology aware routing is asked for; it comes before trafficDistribution. */
export function wantsTopology({ metadata }: Service): boolean {
  const { annotations = {} } = metadata
  const mode =
    annotations['service.kubernetes.io/topology-mode'] ?? annotations['service.kubernetes.io/topology-aware-hints']
  return mode === 'Auto' || mode === 'auto'
}

/**
 * Gives the ready endpoints of one address type hints in proportion to the CPUs of the zones, or takes all hints away where that cannot be done
 * well. Returns what there is to tell.
 */
export function addTopologyHints(
  groups: readonly DesiredGroup[],
  addressType: string,
  nodes: Iterable<Node>,
): Occurrence | undefined {
  for (const group of groups) group.endpoints = group.endpoints.map(({ hints: _hints, ...endpoint }) => endpoint)
  const all = groups.flatMap(({ endpoints }) => endpoints)
  const ready = all.filter(({ conditions }) => conditions.ready !== false)
  const ratios = ratiosOf(nodes)
  const why = typeof ratios === 'string' ? ratios : whyNot(ready, ratios, addressType)
  if (typeof ratios === 'string' || why !== undefined)
    return { type: 'Warning', reason: 'TopologyAwareHintsDisabled', message: why ?? '' }
  share(ready, ratios)
  return undefined
}

/** Each zone's part of the CPUs of all nodes that are Ready, or why that is unknown. */
function ratiosOf(nodes: Iterable<Node>): Map<string, number> | string {
  const cpus = new Map<string, number>()
  let total = 0
  for (const node of nodes) {
    const { labels = {} } = node.metadata
    if (controlPlaneLabels.some((name) => name in labels) || conditionOf(node, 'Ready')?.status !== 'True') continue
    const zone = labels[zoneLabel]
    const cpu = milliCPU(node.status?.allocatable?.['cpu'])
    if (!zone || cpu === 0)
      return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu)
    total += cpu
  }
  if (cpus.size < 2) return 'Nodes only ready in one zone'
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

/** Thousandths of a CPU in a quantity: `4` or `250m`. */
const milliCPU = (quantity = ''): number =>
  quantity.endsWith('m') ? Number(quantity.slice(0, -1)) || 0 : 1000 * (Number(quantity) || 0)

/** The fewest endpoints that a zone needs for none of them to be overloaded. */
const fewest = (ratio: number, count: number): number => Math.ceil((ratio * count) / (1 + overload))

function whyNot(
  ready: readonly Endpoint[],
  ratios: ReadonlyMap<string, number>,
  addressType: string,
): string | undefined {
  const numbers = `(${ready.length} endpoints, ${ratios.size} zones), addressType: ${addressType}`
  if (ready.length < ratios.size) return `Insufficient number of endpoints ${numbers}`
  const needed = [...ratios.values()].reduce((sum, ratio) => sum + fewest(ratio, ready.length), 0)
  if (needed > ready.length)
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${numbers}`
  return ready.some(({ zone }) => zone === undefined)
    ? `No zone specified for endpoint, addressType: ${addressType}`
    : undefined
}

/** Each endpoint serves its own zone, but for those that a zone has beyond its share and another lacks. */
function share(ready: readonly Endpoint[], ratios: ReadonlyMap<string, number>): void {
  const serving = new Map<string, Endpoint[]>([...ratios.keys()].map((zone) => [zone, []]))
  for (const endpoint of ready) serving.get(endpoint.zone ?? '')?.push(endpoint)
  const spare = (zone: string): number => (serving.get(zone)?.length ?? 0) - fewest(ratios.get(zone) ?? 0, ready.length)
  for (const zone of ratios.keys()) {
    while (spare(zone) < 0) {
      const giver = [...ratios.keys()].sort((a, b) => spare(b) - spare(a))[0] ?? ''
      const given = serving.get(giver)?.pop()
      if (given === undefined) break
      serving.get(zone)?.push(given)
    }
  }
  for (const [zone, endpoints] of serving)
    for (const endpoint of endpoints) endpoint.hints = { forZones: [{ name: zone }] }
}
