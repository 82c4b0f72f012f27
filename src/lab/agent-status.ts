import { askStatus } from '../daemon/ask-status.ts'
import type { AgentStatus } from '../daemon/status-server.ts'
import { agentSocketPath, type LabNode } from './state.ts'

/**
 * Asks the agent of a node, on its socket in the node's mount namespace.
 *
 * @returns undefined if no agent answers
 */
export async function agentStatus({ name, holderPid }: LabNode): Promise<AgentStatus | undefined> {
  try {
    return await askStatus(`/proc/${holderPid}/root${agentSocketPath}`, name)
  } catch {
    return undefined
  }
}
