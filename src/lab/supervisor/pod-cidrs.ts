import { type CIDR, cidrContains, parseCIDR } from '../../model/ip.ts'
import type { PlannedNode, TopologyPlan } from '../topology/plan.ts'
import type { Cluster } from './cluster.ts'
import { noPodCIDRs, wrongPodCIDRs } from './node-errors.ts'

/** An allocator takes a moment; one that has not answered by then is not there. */
const patienceSeconds = 30

export interface PodCIDRWait {
  /** Waits until nothing is missing. */
  wait: (what: string, missing: () => Promise<string[]>) => Promise<void>
  /** How the allocator ended last; `unknown`: it is not the lab's, and there may be none. */
  allocator: () => string | undefined
}

/**
 * Waits until somebody has given each Node its pod CIDRs.
 *
 * @returns the nodes with the pod CIDRs that they have, in the order of the lab's families
 * @throws WeftError LAB_NO_POD_CIDR after 30 s without an allocator of the lab's own, LAB_POD_CIDR_MISMATCH
 */
export async function awaitPodCIDRs(
  cluster: Pick<Cluster, 'podCIDRs'>,
  plan: TopologyPlan,
  { wait, allocator }: PodCIDRWait,
): Promise<PlannedNode[]> {
  const deadlineMs = performance.now() + patienceSeconds * 1000
  let found = new Map<string, string[]>()
  await wait('Nodes have no pod CIDR', async () => {
    found = await cluster.podCIDRs()
    const names = plan.nodes.map(({ name }) => name).filter((name) => !found.has(name))
    const how = allocator()
    if (how !== 'unknown')
      return names.map((name) => `pod CIDR of ${name}${how ? ` (its allocator ended with ${how})` : ''}`)
    if (names.length > 0 && performance.now() > deadlineMs) throw noPodCIDRs(names, patienceSeconds)
    return names.map((name) => `pod CIDR of ${name}`)
  })
  return plan.nodes.map((node) => ({ ...node, podCIDRs: inOrder(node.name, found.get(node.name) ?? [], plan) }))
}

/** One of each family of the lab, and inside of the cluster CIDRs: to anything else the agents would make no route. */
function inOrder(name: string, podCIDRs: readonly string[], { clusterCIDRs }: TopologyPlan): string[] {
  return clusterCIDRs.map((text) => {
    const cluster = parseCIDR(text) as CIDR
    const own = podCIDRs.find((podCIDR) => isIn(cluster, podCIDR))
    if (own === undefined) throw wrongPodCIDRs(name, podCIDRs, clusterCIDRs)
    return own
  })
}

function isIn(cluster: CIDR, text: string): boolean {
  const cidr = parseCIDR(text)
  return (
    cidr !== undefined &&
    cidr.length >= cluster.length &&
    cidrContains(cluster, { family: cidr.family, number: cidr.network })
  )
}
