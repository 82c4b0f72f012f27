import type { Log } from '../daemon/log.ts'
import type { Parts } from '../daemon/parts.ts'
import type { ApiClient } from '../kube/client.ts'
import type { Refusal } from '../reconcile/types.ts'
import type { AgentConfig } from './config.ts'
import type { AgentHealth } from './health.ts'
import type { ServiceCounts } from './service-counts.ts'
import type { Sources } from './sources.ts'

/** What an agent is made of, for whatever runs beside its parts. */
export interface AgentContext {
  config: AgentConfig
  client: ApiClient
  sources: Sources
  parts: Parts
  health: AgentHealth
  counts: ServiceCounts
  /** Refusals of what runs beside the parts. */
  asides: (() => Refusal[])[]
  log: Log
  /** Ends everything. */
  signal: AbortSignal
}
