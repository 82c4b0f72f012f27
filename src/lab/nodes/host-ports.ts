import { isSidecar, initContainersOf, type Pod } from './pod.ts'

/** A port of the node that leads to a pod (CNI conventions, capability `portMappings`). */
export interface PortMapping {
  hostPort: number
  containerPort: number
  protocol: 'tcp' | 'udp' | 'sctp'
  /** The one address of the node that it is on; absent: all of them. */
  hostIP?: string
}

/** The kubelet's own: through it come logs, exec, and whatever else the API server asks of the node. */
const keptPort = { hostPort: 10250, protocol: 'tcp' } as const

/**
 * The host ports that the containers of a pod ask for, init containers that stay among them. A pod with `hostNetwork` needs none mapped: it listens on the node itself.
 */
export function portMappings(pod: Pod): PortMapping[] {
  return wanted(pod).filter((mapping) => !isKept(mapping))
}

/** Those that it does not get, as that port of the node has another meaning. */
export const refusedPorts = (pod: Pod): PortMapping[] => wanted(pod).filter(isKept)

/** A kubelet's runtime asks for nothing where there is nothing to map. */
export function capabilitiesOf(pod: Pod): { portMappings: PortMapping[] } | undefined {
  const mappings = portMappings(pod)
  return mappings.length === 0 ? undefined : { portMappings: mappings }
}

const isKept = ({ hostPort, protocol }: PortMapping): boolean =>
  hostPort === keptPort.hostPort && protocol === keptPort.protocol

function wanted(pod: Pod): PortMapping[] {
  if (pod.spec.hostNetwork === true) return []
  const staying = [...pod.spec.containers, ...initContainersOf(pod).filter(isSidecar)]
  return staying.flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, hostPort = 0, protocol = 'TCP', hostIP = '' }) => {
      if (hostPort === 0) return []
      const mapping = { hostPort, containerPort, protocol: protocol.toLowerCase() as PortMapping['protocol'] }
      return isAnyAddress(hostIP) ? mapping : { ...mapping, hostIP }
    }),
  )
}

/** `0.0.0.0` and `::` mean every address; a rule for just that one would match nothing. */
const isAnyAddress = (address: string): boolean => ['', '0.0.0.0', '::'].includes(address)
