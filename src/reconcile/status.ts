import type { Core } from './core.ts'
import type { Counters, HistogramValue } from './metrics.ts'
import type { Planner } from './planner.ts'
import type { Refusal, Subject } from './types.ts'

/** What a reconciler can say of itself at any moment, as plain data. */
export interface ReconcilerStatus extends Counters {
  part: string
  /** True once every subject was planned and all of it was acknowledged. */
  synced: boolean
  subjects: number
  items: number
  pending: number
  generation: number
  effectsWaiting: number
  /** Items, or whole kinds of them, that others keep taking back. */
  contested: number
  refusals: Refusal[]
  failing: { subjects: Subject[]; message: string }[]
  /** Planning one subject. */
  planSeconds: HistogramValue
  /** Applying one batch. */
  applySeconds: HistogramValue
  /** Each run that wrote something, from the first plan to the last acknowledgement. */
  runSeconds: HistogramValue
}

export function statusOf(core: Core, planner: Planner, synced: boolean): ReconcilerStatus {
  const { part, entries, commits, metrics, effects, wanted, retry, contests } = core
  return {
    part: part.name,
    synced: synced && entries.dirty === 0,
    subjects: planner.subjects,
    items: entries.have,
    pending: entries.dirty,
    generation: commits.generation,
    effectsWaiting: effects.waiting,
    contested: contests.size,
    ...metrics.counters,
    refusals: [...planner.refusals(), ...wanted.lostClaims(), ...contests.findings()],
    failing: Array.from(retry.failing(), ({ who, message }) => ({ subjects: [who.subject], message })),
    planSeconds: metrics.planSeconds.value(),
    applySeconds: metrics.applySeconds.value(),
    runSeconds: metrics.runSeconds.value(),
  }
}
