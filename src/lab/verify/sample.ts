import type { NodeOrigin, Origins, PodOrigin } from './origins.ts'

/** Up to so many pods, every pod is asked by every other one. */
export const mostPodsInFull = 24
/** Above so many pods, a pair of nodes is tried once each way. */
export const mostPodsInPart = 100
/** Above so many nodes, each does not try all others. */
const mostNodesInFull = 10

/** Whether pods ask each other in a sample only, which takes a seed to repeat. */
export const isSample = ({ pods }: Pick<Origins, 'pods'>): boolean => pods.length > mostPodsInFull

/** Whether a lab is so large that each Service is tried in full from a few places only. */
export const isLarge = ({ pods, nodes }: Pick<Origins, 'pods' | 'nodes'>): boolean =>
  pods.length > mostPodsInPart || nodes.length > mostNodesInFull

/**
 * Who asks a pod at its own address. In a large lab a sample in which every pair of nodes is covered both ways and every pod is asked. Fewer the more pods
 * there are: pods of one node hold a neighbour entry for each other, and all network namespaces of a machine share one table of
 * 1,024 (arp(7), gc_thresh3).
 */
export function sampleOrigins(origins: readonly PodOrigin[], pod: string, seed: number): PodOrigin[] {
  const others = origins.filter(({ name }) => name !== pod)
  if (origins.length <= mostPodsInFull) return others
  const perNode = Math.max(1, Math.floor(240 / origins.length))
  return nodesAsking(origins, pod).flatMap((node) => {
    const here = others.filter((origin) => origin.node === node)
    return rotate(here, `${seed} ${pod} ${node}`).slice(0, perNode)
  })
}

/** All nodes with pods; in a large lab the pods of a node share them out, one at least for each. */
function nodesAsking(origins: readonly PodOrigin[], pod: string): string[] {
  const nodes = [...new Set(origins.map(({ node }) => node))]
  const target = origins.find(({ name }) => name === pod)
  if (origins.length <= mostPodsInPart || target === undefined) return nodes
  const peers = origins.filter(({ node }) => node === target.node)
  const position = peers.indexOf(target)
  if (peers.length > nodes.length) return [nodes[position % nodes.length] ?? '']
  return nodes.filter((_, index) => index % peers.length === position)
}

/** Nodes that ask a place: all, or in a large lab its own and one more. */
export function sampleNodes(nodes: readonly NodeOrigin[], own: string, key: string, seed: number): NodeOrigin[] {
  if (nodes.length <= mostNodesInFull) return [...nodes]
  const others = nodes.filter(({ name }) => name !== own)
  return [...nodes.filter(({ name }) => name === own), ...rotate(others, `${seed} ${key}`).slice(0, 1)]
}

/** The list, begun at a place that the key decides. */
export function rotate<T>(list: readonly T[], key: string): T[] {
  const start = list.length === 0 ? 0 : hash(key) % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** FNV-1a: the same sample for the same seed and names, on every machine. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0
  return value
}
