import type { ControllerValues } from '../../config/controller-flags.ts'
import type { Place } from '../../config/mistake.ts'
import { WeftError } from '../../model/error.ts'
import { bitsOf, type CIDR, cidrContains, type Family, formatCIDR } from '../../model/ip.ts'
import type { NodeRange } from './range.ts'

export interface PodCIDRSettings {
  ranges: readonly NodeRange[]
  serviceCIDRs: readonly CIDR[]
}

/** Values and where they were said, of the flags that matter here. */
interface Settings {
  values: ControllerValues
  placeOf: (name: keyof ControllerValues) => Place
}

/** kube-controller-manager's defaults (cmd/kube-controller-manager/app/core.go). */
const defaultMaskSize: Readonly<Record<Family, number>> = { IPv4: 24, IPv6: 64 }

/**
 * Bits between a cluster CIDR and a Node's. IPv6: what kube-controller-manager allows (cidrset, clusterSubnetMaxDiff), as 65,536 Nodes are enough. For IPv4 it
 * has no limit; here it is a million Nodes.
 */
const mostBits: Readonly<Record<Family, number>> = { IPv4: 20, IPv6: 16 }

/** @throws WeftError CONFIG_NODE_MASK_INVALID, CONFIG_NODE_MASK_AMBIGUOUS, CONFIG_NODE_MASK_UNUSED, CONFIG_NODE_MASK_TOO_SHORT, CONFIG_NODE_MASK_TOO_LONG, CONFIG_SERVICE_CIDR_COVERS_CLUSTER */
export function podCIDRSettings(settings: Settings): PodCIDRSettings {
  const clusters = settings.values['cluster-cidr']
  const serviceCIDRs = settings.values['service-cluster-ip-range']
  checkMaskFlags(settings, clusters)
  const ranges = clusters.map((cluster) => nodeRange(cluster, settings))
  for (const cluster of clusters) checkServices(cluster, serviceCIDRs, settings)
  return { ranges, serviceCIDRs }
}

const anyFamily = 'node-cidr-mask-size'
const ofFamily = { IPv4: 'node-cidr-mask-size-ipv4', IPv6: 'node-cidr-mask-size-ipv6' } as const

function checkMaskFlags({ values, placeOf }: Settings, clusters: readonly CIDR[]): void {
  const given = (['IPv4', 'IPv6'] as const).filter((family) => values[ofFamily[family]] !== undefined)
  const [first] = given
  if (values[anyFamily] !== undefined && (clusters.length > 1 || first !== undefined)) {
    const why = first === undefined ? 'with CIDRs of both families' : `beside --${ofFamily[first]}`
    const { where } = placeOf(anyFamily)
    const [four, six] = [placeOf(ofFamily.IPv4).write('24'), placeOf(ofFamily.IPv6).write('64')]
    const instead = clusters.length > 1 ? `${four} and ${six}` : clusters[0]?.family === 'IPv6' ? six : four
    throw invalid('CONFIG_NODE_MASK_AMBIGUOUS', `it cannot be used ${why}`, where, `write ${instead} in its place`)
  }
  for (const family of given) {
    if (clusters.some((cluster) => cluster.family === family)) continue
    const remedy = `leave it out, or add a CIDR of ${family} to ${placeOf('cluster-cidr').where}`
    const { where } = placeOf(ofFamily[family])
    throw invalid('CONFIG_NODE_MASK_UNUSED', `there is no cluster CIDR of ${family}`, where, remedy)
  }
}

function nodeRange(cluster: CIDR, { values, placeOf }: Settings): NodeRange {
  const { family } = cluster
  const name = values[anyFamily] === undefined ? ofFamily[family] : anyFamily
  const nodeMaskSize = values[name] ?? defaultMaskSize[family]
  const place = placeOf(name)
  const [least, most] = [cluster.length, Math.min(cluster.length + mostBits[family], bitsOf(family))]
  const instead = `write ${place.write(String(Math.min(Math.max(nodeMaskSize, least), most)))}; ${least} to ${most} can be`
  const what = wrongWith(nodeMaskSize, cluster)
  if (what === undefined) return { cluster, nodeMaskSize }
  throw invalid(what.code, what.message, place.where, `${instead}, or another ${placeOf('cluster-cidr').where}`)
}

function wrongWith(nodeMaskSize: number, cluster: CIDR): { code: string; message: string } | undefined {
  const { family, length } = cluster
  const where = formatCIDR(cluster)
  if (nodeMaskSize > bitsOf(family)) {
    return { code: 'CONFIG_NODE_MASK_INVALID', message: `/${nodeMaskSize} is no length of a prefix of ${family}` }
  }
  if (nodeMaskSize < length) {
    const message = `a Node's /${nodeMaskSize} does not fit in the cluster CIDR ${where}`
    return { code: 'CONFIG_NODE_MASK_TOO_SHORT', message }
  }
  if (nodeMaskSize - length > mostBits[family]) {
    const message = `/${nodeMaskSize} makes more than 2^${mostBits[family]} blocks of the cluster CIDR ${where}`
    return { code: 'CONFIG_NODE_MASK_TOO_LONG', message }
  }
  return undefined
}

/** Blocks in the service CIDR are given to nobody; if that is all of them, no Node would ever get one. */
function checkServices(cluster: CIDR, serviceCIDRs: readonly CIDR[], { placeOf }: Settings): void {
  const covering = serviceCIDRs.find(
    (one) => one.length <= cluster.length && cidrContains(one, { family: cluster.family, number: cluster.network }),
  )
  if (covering === undefined) return
  const message = `the service CIDR ${formatCIDR(covering)} covers the cluster CIDR ${formatCIDR(cluster)}`
  const [pods, services] = [placeOf('cluster-cidr'), placeOf('service-cluster-ip-range')]
  const remedy = `give Services and pods ranges of their own; K3s has ${pods.write('10.42.0.0/16')} and ${services.write('10.43.0.0/16')}`
  throw invalid('CONFIG_SERVICE_CIDR_COVERS_CLUSTER', message, services.where, remedy)
}

const invalid = (code: string, message: string, where: string, remedy: string): WeftError =>
  new WeftError(message, { code, fault: 'user', where, remedy })
