import type { Family } from '../../model/ip.ts'
import type { Service, ServicePort } from '../../kube/types.ts'
import type { Facts } from './claim-source.ts'
import { choose, type Looker, type NamedEndpoint } from './endpoints.ts'
import { askingPods, onePodEachNode, type Origins, type PodOrigin } from './origins.ts'
import { promiseOf } from './promise.ts'
import type { RefusedPort } from './refusals.ts'
import { isLarge, rotate } from './sample.ts'
import type { Effort } from './tries.ts'
import { type Check, type Claim, formatTarget, nameOf, type Origin, type SourceRule } from './types.ts'

/** One port of a Service in one family, with all that is needed to say what it should do. */
export interface ServiceTarget {
  service: Service
  port: ServicePort
  protocol: 'TCP' | 'UDP'
  family: Family
  /** The ClusterIP of the family. */
  clusterIP: string
  /** `namespace/name:port`, without an address. */
  name: string
  endpoints: readonly NamedEndpoint[]
  /** What the agents say that they do not do for this port. */
  refusals: readonly RefusedPort[]
  /** Session affinity is wanted, and no agent says that it does not apply it. */
  affinity: boolean
  origins: Origins
  facts: Facts
}

/** Cluster IPs of a Service, one a family; none for ExternalName. */
export const clusterIPsOf = (service: Service): string[] =>
  (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']).filter((address) => address !== '')

/**
 * Pods to ask this target from: on each node one that is an endpoint of it (which can meet itself) and one that is not. In a
 * large lab one on every other node, so that with the nodes themselves (`nodesAsking`) each node's kernel is asked once.
 */
export function podsAsking({ endpoints, origins, name, facts }: ServiceTarget): PodOrigin[] {
  if (!isLarge(origins)) return askingPods(origins, new Set(choose(endpoints).chosen.flatMap(({ pod }) => pod ?? [])))
  return rotate(onePodEachNode(origins), `${facts.seed} ${name}`).filter((_, index) => index % 2 === 0)
}

/** Nodes to ask this target from: all, or in a large lab those from which no pod asks. */
export function nodesAsking(target: ServiceTarget): Origins['nodes'] {
  const { nodes } = target.origins
  if (!isLarge(target.origins)) return nodes
  const asked = new Set(podsAsking(target).map(({ node }) => node))
  const others = nodes.filter(({ name }) => !asked.has(name))
  return others.length > 0 ? others : nodes.slice(0, 1)
}

/** How much to try from one of several places: in a large lab the first one alone finds out how the endpoints share what comes. */
export const effortFor = ({ origins }: ServiceTarget, index: number): Effort =>
  isLarge(origins) ? (index === 0 ? 'some' : 'few') : 'full'

/** One address and port of a Service, asked from one place. */
export interface Question {
  check: Check
  origin: Origin
  address: string
  port: number
  /** What lines of one group have in common, for summing up. */
  group: string
  /** The node whose kernel translates, where it is known. */
  via?: (Looker & { node: string }) | undefined
  /** Policy Local counts: only endpoints on this node. */
  onlyOn?: string | undefined
  effort: Effort
  sourceFor(endpoint: NamedEndpoint): SourceRule
}

/** The claim that the objects make about it. */
export function claimOf(target: ServiceTarget, question: Question): Claim {
  const { check, origin, address, port, group, via } = question
  const at = { address, port, protocol: target.protocol }
  const promise = promiseOf({
    endpoints: target.endpoints,
    onlyOn: question.onlyOn,
    looker: via,
    affinity: target.affinity,
    effort: question.effort,
    sourceFor: (endpoint) => question.sourceFor(endpoint),
  })
  return {
    check,
    what: `${target.name} ${formatTarget(at)}`,
    group,
    origin,
    target: at,
    service: nameOf(target.service),
    ...(via === undefined ? {} : { via: via.node }),
    ...promise,
  }
}

/** The node that a pod lives on, if the lab has it. */
export const nodeOf = (origins: Origins, { node }: { node: string }): Origins['nodes'][number] | undefined =>
  origins.nodes.find(({ name }) => name === node)
