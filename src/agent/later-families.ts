import { setTimeout as sleep } from 'node:timers/promises'
import type { RunnablePart } from '../daemon/run-part.ts'
import type { Family } from '../model/ip.ts'
import type { FamilyList } from '../proxy/families.ts'
import type { AgentContext } from './context.ts'

/**
 * Sets a proxy going for each family that comes while the agent runs. As at the start, every list is in by then, what an earlier agent wrote is adopted, and none of the
 * other parts notices; what goes wrong is logged and tried again.
 *
 * @param againMs after which a part that could not start is made anew
 */
export function startLaterFamilies(
  { parts, counts, log, signal }: Pick<AgentContext, 'parts' | 'counts' | 'log' | 'signal'>,
  families: FamilyList,
  make: (family: Family) => RunnablePart,
  againMs = 60_000,
): void {
  const start = async (family: Family): Promise<void> => {
    while (!signal.aborted) {
      const running = parts.add(make(family), log)
      counts.watch(running)
      try {
        return await running.started
      } catch (error) {
        if (signal.aborted) return
        parts.remove(running)
        log('error', 'a family of addresses cannot be served yet', { family, error: String(error) })
        await sleep(againMs, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  }
  const stop = families.onAdded((family) => {
    log('info', 'Services have addresses of one more family by now', { family })
    void start(family)
  })
  signal.addEventListener('abort', stop, { once: true })
}
