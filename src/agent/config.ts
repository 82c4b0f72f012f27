import { WeftError } from '../model/error.ts'
import { type CIDR, parseCIDR } from '../model/ip.ts'

/** What an agent is told on its command line. */
export interface AgentConfig {
  kubeconfig: string
  nodeName: string
  runDir: string
  clusterCIDRs: CIDR[]
  serviceCIDRs: CIDR[]
  /** What makes the pod network; `none`: somebody else does. */
  flannelBackend: FlannelBackend
}

/** Values of --flannel-backend, as K3s names them. */
export const flannelBackends = ['none', 'host-gw'] as const
export type FlannelBackend = (typeof flannelBackends)[number]

/**
 * A list of CIDRs as K3s takes it: comma-separated, dual-stack lists included.
 *
 * @throws WeftError CONFIG_CIDR_INVALID
 */
export function parseCIDRs(flag: string, text: string): CIDR[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.map((part) => {
    const cidr = part.includes('/') ? parseCIDR(part) : undefined
    if (cidr !== undefined) return cidr
    throw new WeftError(`"${part}" is no CIDR`, {
      code: 'CONFIG_CIDR_INVALID',
      fault: 'user',
      where: flag,
      remedy: 'write it as ADDRESS/LENGTH, e.g. 10.42.0.0/16; several are separated by commas',
    })
  })
}
