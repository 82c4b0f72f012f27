import type { LabelSelector, Node, Pod } from '../kinds.ts'
import { isTerminating } from '../objects.ts'
import { isPodFinished } from '../pods.ts'
import { labelAt, matchesSelector } from '../selector.ts'
import { isSelected } from './fit.ts'

/**
 * Nodes that a hard topology spread constraint of the pod forbids: with the pod their domain would have more than `maxSkew` pods above the emptiest
 * one. Domains are those of the nodes that the pod's selector and affinity allow, tainted or not (core/v1, nodeAffinityPolicy Honor and
 * nodeTaintsPolicy Ignore, the defaults).
 */
export function crowdedNodes(pod: Pod, nodes: readonly Node[], podsOn: (nodeName: string) => Iterable<Pod>): Set<Node> {
  const crowded = new Set<Node>()
  for (const { maxSkew, topologyKey, whenUnsatisfiable, labelSelector } of pod.spec.topologySpreadConstraints ?? []) {
    if (whenUnsatisfiable !== 'DoNotSchedule') continue
    const counts = new Map<string, number>()
    for (const node of nodes) {
      const domain = labelAt(node.metadata.labels, topologyKey)
      if (domain === undefined || !isSelected(pod, node)) continue
      const there = countMatching(labelSelector, pod, podsOn(node.metadata.name))
      counts.set(domain, (counts.get(domain) ?? 0) + there)
    }
    const self = labelSelector !== undefined && matchesSelector(labelSelector, pod.metadata.labels) ? 1 : 0
    const least = Math.min(...counts.values())
    for (const node of nodes) {
      const count = counts.get(labelAt(node.metadata.labels, topologyKey) ?? '')
      if (count === undefined || count + self - least > maxSkew) crowded.add(node)
    }
  }
  return crowded
}

function countMatching(selector: LabelSelector | undefined, pod: Pod, there: Iterable<Pod>): number {
  if (selector === undefined) return 0
  let count = 0
  for (const other of there) {
    if (other.metadata.namespace !== pod.metadata.namespace || isTerminating(other) || isPodFinished(other)) continue
    if (matchesSelector(selector, other.metadata.labels)) count++
  }
  return count
}
