import { canonicalIP } from '../../model/ip.ts'
import type { Facts } from './claim-source.ts'
import { backendOf } from './promise.ts'
import { onePodEachNode } from './origins.ts'
import type { ServiceTarget } from './service-target.ts'
import { keptSource } from './sources.ts'
import { type Claim, formatTarget, nameOf, type Origin } from './types.ts'

/** Ports by which people and control planes reach a node: sshd, the API, the kubelet. */
const managementPorts: ReadonlySet<number> = new Set([22, 6443, 10_250])

/**
 * Why an address and port stays what it is, whatever a Service asks for: nobody is locked out. Of a node's address a Service gets exactly its own
 * port, as K3s' ServiceLB has it, but no management port; of a gateway's it gets nothing; the API stays where it is.
 *
 * @returns undefined where the Service may have it
 */
export function whyKept(
  address: string,
  port: number,
  { origins, gateways, api }: Pick<Facts, 'origins' | 'gateways' | 'api'>,
): string | undefined {
  const plain = canonicalIP(address) ?? address
  const node = origins.nodes.find(({ addresses }) => addresses.includes(plain))
  if (node !== undefined)
    return managementPorts.has(port) ? `port ${port} of ${node.name} is a management port` : undefined
  if (gateways.includes(plain)) return 'it is an address of a gateway'
  return plain === api.address && (port === api.port || managementPorts.has(port)) ? 'the API is there' : undefined
}

/** Asked from a pod, a node and outside, no endpoint of the Service answers there. */
export function expectKept(target: ServiceTarget, address: string, port: number, because: string): Claim[] {
  const { origins, protocol } = target
  const nodes = origins.nodes.filter(({ addresses }) => !addresses.includes(address))
  const from: Origin[] = [...onePodEachNode(origins).slice(0, 1), ...nodes.slice(0, 1), origins.outside]
  const at = { address, port, protocol }
  const what = `${target.name} ${formatTarget(at)}`
  return from.map((origin) => ({
    check: 'kept address',
    what,
    group: what,
    origin,
    target: at,
    service: nameOf(target.service),
    expectation: {
      kind: 'untaken',
      backends: target.endpoints.map((endpoint) => backendOf(endpoint, keptSource(origin))),
      because,
    },
    tries: { most: 2, least: 2 },
  }))
}
