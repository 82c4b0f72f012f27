import type { ListenAddress } from '../daemon/http.ts'
import { WeftError } from '../model/error.ts'
import { bitsOf, type CIDR, cidrContains, type Family, formatCIDR, parseCIDR } from '../model/ip.ts'
import type { NodeRange } from './pod-cidrs/range.ts'

/** What a controller is told on its command line. */
export interface ControllerConfig {
  kubeconfig: string | undefined
  runDir: string
  /** Who stands for election; differs from every other candidate's. */
  identity: string
  /** Absent: Nodes get no pod CIDRs. */
  podCIDRs: PodCIDRSettings | undefined
  leaderElection: LeaderElectionSettings
  /** Where /healthz, /livez and /readyz are served. */
  healthzBindAddress: ListenAddress
  /** Where /metrics is served; may be the same. */
  metricsBindAddress: ListenAddress
  /** An address to listen on that is taken ends the controller. */
  bindAddressHardFail: boolean
}

export interface PodCIDRSettings {
  ranges: readonly NodeRange[]
  serviceCIDRs: readonly CIDR[]
}

export interface LeaderElectionSettings {
  namespace: string
  name: string
  leaseDurationSeconds: number
  renewDeadlineSeconds: number
  retryPeriodSeconds: number
}

/** Flags as they were written; names and meaning are kube-controller-manager's. */
export interface PodCIDRFlags {
  clusterCidr: string
  nodeCidrMaskSize?: string
  nodeCidrMaskSizeIpv4?: string
  nodeCidrMaskSizeIpv6?: string
  serviceClusterIpRange?: string
}

/** kube-controller-manager's defaults (cmd/kube-controller-manager/app/core.go). */
const defaultMaskSize: Readonly<Record<Family, number>> = { IPv4: 24, IPv6: 64 }

/**
 * Bits between a cluster CIDR and a Node's. IPv6: what kube-controller-manager allows (cidrset, clusterSubnetMaxDiff), as 65,536 Nodes are enough. For IPv4 it
 * has no limit; here it is a million Nodes.
 */
const mostBits: Readonly<Record<Family, number>> = { IPv4: 20, IPv6: 16 }

/** @throws WeftError CONFIG_CIDR_INVALID, CONFIG_CIDR_FAMILY_TWICE, CONFIG_NODE_MASK_INVALID, CONFIG_NODE_MASK_AMBIGUOUS, CONFIG_NODE_MASK_UNUSED, CONFIG_NODE_MASK_TOO_SHORT, CONFIG_NODE_MASK_TOO_LONG, CONFIG_SERVICE_CIDR_COVERS_CLUSTER */
export function podCIDRSettings(flags: PodCIDRFlags): PodCIDRSettings {
  const clusters = oneOfEachFamily('--cluster-cidr', flags.clusterCidr)
  const serviceCIDRs = flags.serviceClusterIpRange
    ? oneOfEachFamily('--service-cluster-ip-range', flags.serviceClusterIpRange)
    : []
  checkMaskFlags(flags, clusters)
  const ranges = clusters.map((cluster) => nodeRange(cluster, flags))
  for (const cluster of clusters) checkServices(cluster, serviceCIDRs)
  return { ranges, serviceCIDRs }
}

function oneOfEachFamily(flag: string, text: string): CIDR[] {
  const cidrs = text.split(',').map((part) => cidrOf(flag, part.trim()))
  const [first, second] = cidrs
  if (cidrs.length > 2 || (second !== undefined && first?.family === second.family)) {
    throw invalid(
      'CONFIG_CIDR_FAMILY_TWICE',
      `${text} has more than one CIDR of a family`,
      flag,
      'give one CIDR, or one of IPv4 and one of IPv6',
    )
  }
  return cidrs
}

function cidrOf(flag: string, text: string): CIDR {
  const cidr = text.includes('/') ? parseCIDR(text) : undefined
  if (cidr !== undefined) return cidr
  const remedy = 'write it as ADDRESS/LENGTH, e.g. 10.42.0.0/16; one of each family is separated by a comma'
  throw invalid('CONFIG_CIDR_INVALID', `"${text}" is no CIDR`, flag, remedy)
}

const familyFlags = [
  { family: 'IPv4', flag: '--node-cidr-mask-size-ipv4', option: 'nodeCidrMaskSizeIpv4' },
  { family: 'IPv6', flag: '--node-cidr-mask-size-ipv6', option: 'nodeCidrMaskSizeIpv6' },
] as const

function checkMaskFlags(flags: PodCIDRFlags, clusters: readonly CIDR[]): void {
  const given = familyFlags.filter(({ option }) => flags[option] !== undefined)
  if (flags.nodeCidrMaskSize !== undefined && (clusters.length > 1 || given.length > 0)) {
    const remedy = 'use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 alone'
    const why = clusters.length > 1 ? 'with CIDRs of both families' : `beside ${given[0]?.flag}`
    throw invalid('CONFIG_NODE_MASK_AMBIGUOUS', `it cannot be used ${why}`, '--node-cidr-mask-size', remedy)
  }
  for (const { family, flag } of given) {
    if (clusters.some((cluster) => cluster.family === family)) continue
    const remedy = `leave it out, or add a CIDR of ${family} to --cluster-cidr`
    throw invalid('CONFIG_NODE_MASK_UNUSED', `there is no cluster CIDR of ${family}`, flag, remedy)
  }
}

function nodeRange(cluster: CIDR, flags: PodCIDRFlags): NodeRange {
  const { family } = cluster
  const own = familyFlags.find((one) => one.family === family) as (typeof familyFlags)[number]
  const flag = flags.nodeCidrMaskSize === undefined ? own.flag : '--node-cidr-mask-size'
  const text = flags.nodeCidrMaskSize ?? flags[own.option]
  const nodeMaskSize = text === undefined ? defaultMaskSize[family] : maskSize(flag, text, family)
  const where = formatCIDR(cluster)
  if (nodeMaskSize < cluster.length) {
    const remedy = `use a mask size from ${cluster.length} to ${bitsOf(family)}, or a larger cluster CIDR`
    throw invalid(
      'CONFIG_NODE_MASK_TOO_SHORT',
      `a Node's /${nodeMaskSize} does not fit in the cluster CIDR ${where}`,
      flag,
      remedy,
    )
  }
  if (nodeMaskSize - cluster.length > mostBits[family]) {
    const remedy = `use a mask size of at most ${cluster.length + mostBits[family]}, or a smaller cluster CIDR`
    throw invalid(
      'CONFIG_NODE_MASK_TOO_LONG',
      `/${nodeMaskSize} makes more than 2^${mostBits[family]} blocks of the cluster CIDR ${where}`,
      flag,
      remedy,
    )
  }
  return { cluster, nodeMaskSize }
}

function maskSize(flag: string, text: string, family: Family): number {
  const size = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (size >= 1 && size <= bitsOf(family)) return size
  const remedy = `give a whole number from 1 to ${bitsOf(family)}`
  throw invalid('CONFIG_NODE_MASK_INVALID', `"${text}" is no mask size of ${family}`, flag, remedy)
}

/** Blocks in the service CIDR are given to nobody; if that is all of them, no Node would ever get one. */
function checkServices(cluster: CIDR, serviceCIDRs: readonly CIDR[]): void {
  const covering = serviceCIDRs.find(
    (one) => one.length <= cluster.length && cidrContains(one, { family: cluster.family, number: cluster.network }),
  )
  if (covering === undefined) return
  const message = `the service CIDR ${formatCIDR(covering)} covers the cluster CIDR ${formatCIDR(cluster)}`
  const remedy = 'give Services and pods ranges of their own'
  throw invalid('CONFIG_SERVICE_CIDR_COVERS_CLUSTER', message, '--service-cluster-ip-range', remedy)
}

const invalid = (code: string, message: string, where: string, remedy: string): WeftError =>
  new WeftError(message, { code, fault: 'user', where, remedy })
