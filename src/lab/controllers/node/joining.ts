import { formatAddress } from '../../../model/ip.ts'
import { parseCidr } from '../../api/addresses.ts'
import type { Node } from '../kinds.ts'

/** Old names of labels that the node controller keeps beside the new ones. */
const betaLabels = {
  'kubernetes.io/os': 'beta.kubernetes.io/os',
  'kubernetes.io/arch': 'beta.kubernetes.io/arch',
} as const

/** Seconds for which kubelets may keep Secrets and ConfigMaps, by the size of the cluster; 0 up to 100 nodes, which no lab exceeds. */
const ttlAnnotation = 'node.alpha.kubernetes.io/ttl'

/** Metadata of a node with what the controllers add when it joins. */
export function joinedMetadata(metadata: Node['metadata']): Node['metadata'] {
  const labels = { ...metadata.labels }
  for (const [name, old] of Object.entries(betaLabels)) {
    const value = labels[name]
    if (value !== undefined) labels[old] = value
  }
  const annotations = { ...metadata.annotations, [ttlAnnotation]: metadata.annotations?.[ttlAnnotation] ?? '0' }
  return { ...metadata, ...(Object.keys(labels).length > 0 ? { labels } : {}), annotations }
}

/** Bits of a node's share of a cluster range (kube-controller-manager, --node-cidr-mask-size-ipv4 and -ipv6). */
const shareBits = { IPv4: 24, IPv6: 64 } as const
/** Shares of a range that are looked at: far more than there are nodes. */
const maxShares = 65_536

/** The first share of each range that no other node has; none if a range is used up. */
export function freePodCIDRs(ranges: readonly string[], nodes: Iterable<Node>): string[] {
  const taken = new Set<string>()
  for (const { spec } of nodes) for (const cidr of spec?.podCIDRs ?? [spec?.podCIDR ?? '']) taken.add(cidr)
  const found = ranges.map((range) => freeShare(range, taken))
  return found.every((cidr) => cidr !== undefined) ? found : []
}

function freeShare(range: string, taken: ReadonlySet<string>): string | undefined {
  const { address, bits } = parseCidr(range)
  const { family } = address
  const share = shareBits[family]
  const width = BigInt((family === 'IPv4' ? 32 : 128) - share)
  const count = Math.min(maxShares, 2 ** Math.max(0, share - bits))
  for (let index = 0; index < count; index++) {
    const cidr = `${formatAddress({ family, number: address.number + (BigInt(index) << width) })}/${share}`
    if (!taken.has(cidr)) return cidr
  }
  return undefined
}
