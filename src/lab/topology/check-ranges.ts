import { bitsOf, type CIDR, cidrsOverlap, type Family, formatCIDR, parseCIDR } from '../../model/ip.ts'
import type { Ranges } from './families.ts'
import { flagOf, optionError, type RangeName } from './options.ts'
import { hasHost, longestLengthFor } from './ranges.ts'

/** Addresses that mean something else to every host (RFC 6890). */
const special = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/8', 'fe80::/10', 'ff00::/8'].map(
  (text) => parseCIDR(text) as CIDR,
)

const names = ['cluster', 'service', 'underlay', 'outside'] as const

/**
 * Checks the ranges of a lab against each other and against its size.
 *
 * @param lastHost number of the last node on the underlay
 * @throws WeftError LAB_NETWORK_INVALID
 */
export function checkRanges(ranges: Ranges, lastHost: number, nodes: number): void {
  for (const name of names) for (const cidr of ranges[name]) checkSpecial(name, cidr)
  checkOverlaps(ranges)
  for (const cidr of ranges.service) checkServiceSize(cidr)
  for (const cidr of ranges.underlay) checkUnderlaySize(cidr, lastHost, nodes)
}

function checkSpecial(name: RangeName, cidr: CIDR): void {
  const other = special.find((one) => cidrsOverlap(one, cidr))
  if (other === undefined) return
  throw optionError(
    flagOf[name],
    `${formatCIDR(cidr)} holds addresses of ${formatCIDR(other)}, which are not for hosts`,
    'take a private range, e.g. one of 10.0.0.0/8 or fd00::/8',
  )
}

function checkOverlaps(ranges: Ranges): void {
  const all = names.flatMap((name) => ranges[name].map((cidr) => ({ name, cidr })))
  for (const [i, one] of all.entries()) {
    const other = all.slice(i + 1).find(({ cidr }) => cidrsOverlap(one.cidr, cidr))
    if (other === undefined) continue
    throw optionError(
      flagOf[one.name],
      `${formatCIDR(one.cidr)} overlaps ${formatCIDR(other.cidr)} (${flagOf[other.name]})`,
      'pods, Services, nodes and the outside need ranges of their own: change one of the two',
    )
  }
}

/** kube-apiserver: at least 8 addresses, and no more than 2^20 (--service-cluster-ip-range). */
function checkServiceSize(cidr: CIDR): void {
  const shortest = bitsOf(cidr.family) - 20
  const longest = bitsOf(cidr.family) - 3
  if (cidr.length >= shortest && cidr.length <= longest) return
  const how = cidr.length < shortest ? 'large' : 'small'
  const remedy = `give a range with a length of /${shortest} to /${longest}`
  throw optionError(flagOf.service, `${formatCIDR(cidr)} is too ${how} for Services`, remedy)
}

function checkUnderlaySize(cidr: CIDR, lastHost: number, nodes: number): void {
  if (hasHost(cidr, lastHost)) return
  throw optionError(
    flagOf.underlay,
    `${formatCIDR(cidr)} is too small for the router, the API and ${nodes} nodes`,
    `give a range of at least /${longestLengthFor(cidr.family, lastHost)}, or fewer --nodes`,
  )
}

/** The masks that node IPAM cuts pod CIDRs with: defaults, and limits of kube-controller-manager. */
const defaultMask: Readonly<Record<Family, number>> = { IPv4: 24, IPv6: 64 }
const longestMask: Readonly<Record<Family, number>> = { IPv4: 29, IPv6: 125 }
/** More subnets than 2^16 its bitmap does not hold. */
const mostSubnetBits = 16

/** Lengths of pod CIDRs by family, in the order of the families. */
export interface MaskOptions {
  nodeCIDRMaskSize?: number
  nodeCIDRMaskSizeIPv4?: number
  nodeCIDRMaskSizeIPv6?: number
}

/** @throws WeftError LAB_NETWORK_INVALID, by the rules of kube-controller-manager's node IPAM */
export function nodeMasks(cluster: readonly CIDR[], options: MaskOptions, nodes: number): number[] {
  const { nodeCIDRMaskSize: both } = options
  if (both !== undefined && cluster.length > 1) {
    const remedy = 'use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6'
    throw optionError('--node-cidr-mask-size', 'a dual-stack lab has a mask size for each family', remedy)
  }
  for (const family of ['IPv4', 'IPv6'] as const) checkMaskFlag(family, cluster, options)
  return cluster.map((cidr) =>
    checkMask(cidr, options[`nodeCIDRMaskSize${cidr.family}`] ?? both, nodes, cluster.length > 1),
  )
}

const maskFlag = (family: Family): string => `--node-cidr-mask-size-${family.toLowerCase()}`

function checkMaskFlag(family: Family, cluster: readonly CIDR[], options: MaskOptions): void {
  if (options[`nodeCIDRMaskSize${family}`] === undefined) return
  if (!cluster.some((cidr) => cidr.family === family)) {
    const message = `the lab has no ${family} pods`
    throw optionError(maskFlag(family), message, 'leave it out, or start the lab with --dual-stack')
  }
  if (options.nodeCIDRMaskSize === undefined) return
  throw optionError(maskFlag(family), 'it contradicts --node-cidr-mask-size', 'give one of the two')
}

function checkMask(cidr: CIDR, given: number | undefined, nodes: number, isDual: boolean): number {
  const { family, length } = cidr
  const mask = given ?? defaultMask[family]
  const ownFlag = isDual ? maskFlag(family) : '--node-cidr-mask-size'
  const flag = given === undefined ? flagOf.cluster : ownFlag
  const subnetBits = Math.ceil(Math.log2(nodes))
  const shortest = length + subnetBits
  const longest = Math.min(longestMask[family], length + mostSubnetBits)
  if (mask >= shortest && mask <= longest) return mask
  const range = formatCIDR(cidr)
  if (shortest > longest)
    throw optionError(flagOf.cluster, `${range} is too small for ${nodes} nodes`, larger(family, mask - subnetBits))
  const pieces = mask < length ? 'no pod CIDR' : `${2 ** (mask - length)} pod CIDRs`
  const message =
    mask < shortest
      ? `${range} has ${pieces} of length /${mask}, and the lab has ${nodes} nodes`
      : mask > longestMask[family]
        ? `a pod CIDR of length /${mask} has no room for pods`
        : `${range} is too large for pod CIDRs of length /${mask}: more than 2^${mostSubnetBits} of them`
  const alternative = given === undefined && mask < shortest ? `; or ${larger(family, mask - subnetBits)}` : ''
  throw optionError(flag, message, `give ${ownFlag} from ${shortest} to ${longest}${alternative}`)
}

const larger = (family: Family, length: number): string => `give an ${family} --cluster-cidr of /${length} or larger`
