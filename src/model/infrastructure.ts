import type { Protocol } from './services.ts'

/** A port by which people and control planes reach a node. No Service takes it away from a node's address (promise 1). */
export interface ManagementPort {
  protocol: Protocol
  port: number
  why: string
}

/** Ports that are never given away on a node's address, whatever the objects say. */
export const managementPorts: readonly ManagementPort[] = [
  { protocol: 'TCP', port: 22, why: 'sshd' },
  { protocol: 'TCP', port: 6443, why: 'Kubernetes API' },
  { protocol: 'TCP', port: 10250, why: 'kubelet' },
]

/** The management ports of this node: the fixed ones, and the port of the agent's own API connection. */
export function protectedPorts(apiPort: number | undefined): readonly ManagementPort[] {
  if (apiPort === undefined || managementPorts.some((port) => port.port === apiPort)) return managementPorts
  return [...managementPorts, { protocol: 'TCP', port: apiPort, why: "the agent's API connection" }]
}
