import { InvalidArgumentError, Option } from 'commander'
import type { NetworkOptions } from '../lab/topology/options.ts'

/** Options of `weft lab up` that lay out its network, as commander gives them. */
export interface LabNetworkFlags {
  dualStack?: boolean
  ipv6?: boolean
  clusterCidr?: string
  serviceCidr?: string
  underlayCidr?: string
  nodeCidrMaskSize?: number
  nodeCidrMaskSizeIpv4?: number
  nodeCidrMaskSizeIpv6?: number
  zones?: string[]
  zone: string[]
  nodePrefix?: string
}

const collect = (value: string, before: string[]): string[] => [...before, value]

/** The options themselves; what is wrong with them together is found by `planTopology`. */
export const labNetworkOptions = (): Option[] => [
  new Option('--dual-stack', 'IPv4 and IPv6').conflicts('ipv6'),
  new Option('--ipv6', 'IPv6 alone'),
  new Option('--cluster-cidr <cidr>', 'addresses of pods; with --dual-stack one range of each family, by comma'),
  new Option('--service-cidr <cidr>', 'addresses of Services, likewise'),
  new Option('--underlay-cidr <cidr>', 'addresses of nodes, likewise'),
  new Option('--node-cidr-mask-size <n>', 'length of a pod CIDR').argParser(prefixLength),
  new Option('--node-cidr-mask-size-ipv4 <n>', 'the same for IPv4, with --dual-stack').argParser(prefixLength),
  new Option('--node-cidr-mask-size-ipv6 <n>', 'the same for IPv6, with --dual-stack').argParser(prefixLength),
  new Option('--zones <zones>', 'zones that the nodes are dealt to in turn, e.g. a,b').argParser((text: string) =>
    text.split(','),
  ),
  new Option('--zone <node=zone>', 'zone of one node; may be repeated').argParser(collect).default([], 'none'),
  new Option('--node-prefix <text>', "beginning of the nodes' names (default: node)"),
]

export function networkOptions(flags: LabNetworkFlags): NetworkOptions {
  const { dualStack, ipv6, zones, zone, nodePrefix } = flags
  const stack = dualStack ? 'dual-stack' : ipv6 ? 'ipv6' : undefined
  const given: Record<keyof NetworkOptions, unknown> = {
    stack,
    clusterCIDR: flags.clusterCidr,
    serviceCIDR: flags.serviceCidr,
    underlayCIDR: flags.underlayCidr,
    nodeCIDRMaskSize: flags.nodeCidrMaskSize,
    nodeCIDRMaskSizeIPv4: flags.nodeCidrMaskSizeIpv4,
    nodeCIDRMaskSizeIPv6: flags.nodeCidrMaskSizeIpv6,
    zones,
    nodeZones: zone.length > 0 ? zone : undefined,
    nodePrefix,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function prefixLength(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 128) throw new InvalidArgumentError('It must be a prefix length.')
  return Number(text)
}
