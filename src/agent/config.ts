import { WeftError } from '../model/error.ts'
import { type CIDRv4, parseCIDRv4 } from '../model/ip.ts'

/** What an agent is told on its command line. */
export interface AgentConfig {
  kubeconfig: string
  nodeName: string
  runDir: string
  clusterCIDRs: CIDRv4[]
  serviceCIDRs: CIDRv4[]
  /** What makes the pod network; `none`: somebody else does. */
  flannelBackend: FlannelBackend
}

/** Values of --flannel-backend, as K3s names them. */
export const flannelBackends = ['none', 'host-gw'] as const
export type FlannelBackend = (typeof flannelBackends)[number]

/**
 * A list of CIDRs as K3s takes it: comma-separated, dual-stack lists included. IPv6 ones are accepted and not used.
 *
 * @throws WeftError CONFIG_CIDR_INVALID
 */
export function parseCIDRs(flag: string, text: string): CIDRv4[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.flatMap((part) => {
    if (part.includes(':')) return []
    const cidr = part.includes('/') ? parseCIDRv4(part) : undefined
    if (cidr !== undefined) return [cidr]
    throw new WeftError(`"${part}" is no CIDR`, {
      code: 'CONFIG_CIDR_INVALID',
      fault: 'user',
      where: flag,
      remedy: 'write it as ADDRESS/LENGTH, e.g. 10.42.0.0/16; several are separated by commas',
    })
  })
}
