import { startEvents } from '../daemon/events.ts'
import { objectsOfAgent } from '../daemon/refusals.ts'
import type { FamilyList } from '../proxy/families.ts'
import { serveHealthChecks } from '../proxy/health-check/index.ts'
import type { AgentContext } from './context.ts'

/** Something that runs beside the parts until the signal. Started when every list is in and the parts are set going; must not throw. */
export type Companion = (agent: AgentContext, families: FamilyList) => void

/** What runs beside the parts of an agent; one line each. */
export const companions: readonly Companion[] = [
  ({ parts, counts }) => parts.running.forEach((part) => counts.watch(part)),
  healthChecks,
  tellRefusals,
]

/** Health-check node ports, unless somebody else serves Services. What cannot be served is told as a refusal. */
function healthChecks({ config, sources: { view }, health, asides, signal }: AgentContext, families: FamilyList): void {
  if (config.disableKubeProxy) return
  const checks = serveHealthChecks({ view, families, isHealthy: () => health.isLive })
  asides.push(() =>
    checks.failures().map(({ service, reason, message }) => ({
      subject: `${service}:`,
      reason,
      message,
    })),
  )
  signal.addEventListener('abort', () => checks.close(), { once: true })
}

function tellRefusals({ client, config: { nodeName }, parts, asides, log, signal }: AgentContext): void {
  const refusals = () => [...parts.refusals(), ...asides.flatMap((aside) => aside())]
  const from = { component: 'weft', instance: nodeName, suffix: ` (node ${nodeName})` }
  startEvents({ client, ...from, refusals, objectOf: objectsOfAgent(nodeName), log }, signal)
}
