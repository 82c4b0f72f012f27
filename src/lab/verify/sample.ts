import type { PodOrigin } from './origins.ts'

/** Up to so many pods, every pod is asked by every other one. */
export const mostPodsInFull = 24

/**
 * Who asks a pod at its own address. In a large lab a sample: for each pod some origins on every node, so that every pair of nodes is covered and every pod
 * is asked. Fewer the more pods there are: pods of one node hold a neighbour entry for each other, and all network namespaces of a machine share
 * one table of 1,024 (arp(7), gc_thresh3).
 */
export function sampleOrigins(origins: readonly PodOrigin[], pod: string, seed: number): PodOrigin[] {
  const others = origins.filter(({ name }) => name !== pod)
  if (origins.length <= mostPodsInFull) return others
  const perNode = Math.max(1, Math.floor(240 / origins.length))
  return [...new Set(others.map(({ node }) => node))].flatMap((node) => {
    const here = others.filter((origin) => origin.node === node)
    const start = hash(`${seed} ${pod} ${node}`) % here.length
    return [...here.slice(start), ...here.slice(0, start)].slice(0, perNode)
  })
}

/** FNV-1a: the same sample for the same seed and names, on every machine. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0
  return value
}
