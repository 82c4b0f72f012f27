import { bitsOf, type CIDR, formatCIDR } from '../../model/ip.ts'

/** A cluster CIDR, and how long the prefix is that each Node gets of it. */
export interface NodeRange {
  cluster: CIDR
  nodeMaskSize: number
}

/** How many Nodes a range has blocks for. */
export const blocksIn = ({ cluster, nodeMaskSize }: NodeRange): number => 2 ** (nodeMaskSize - cluster.length)

/** E.g. `10.42.0.0/16`. */
export const rangeText = ({ cluster }: NodeRange): string => formatCIDR(cluster)

/** The block of that number; the first is 0. */
export function blockAt({ cluster, nodeMaskSize }: NodeRange, index: number): CIDR {
  const hostBits = BigInt(bitsOf(cluster.family) - nodeMaskSize)
  return {
    family: cluster.family,
    network: cluster.network + (BigInt(index) << hostBits),
    length: nodeMaskSize,
  }
}

/** First and last block that a prefix touches; undefined if none: another family, or outside of the cluster CIDR. */
export function blocksTouched(range: NodeRange, { family, network, length }: CIDR): [number, number] | undefined {
  const { cluster, nodeMaskSize } = range
  if (family !== cluster.family) return undefined
  const bits = bitsOf(family)
  const hostBits = BigInt(bits - nodeMaskSize)
  const last = network + (1n << BigInt(bits - length)) - 1n
  const from = (network - cluster.network) >> hostBits
  const to = (last - cluster.network) >> hostBits
  const end = BigInt(blocksIn(range) - 1)
  if (to < 0n || from > end) return undefined
  return [Number(from < 0n ? 0n : from), Number(to > end ? end : to)]
}
