import type { Core } from './core.ts'
import type { SubjectState } from './subjects.ts'
import { Turn } from './turn.ts'
import type { Subject } from './types.ts'

/**
 * After a run: where nothing of a subject waits any longer, its old numbers are free, and what its plan held back for the next batch is asked
 * for. Only here, after all batches of the run, so that no number is used twice within one.
 */
export async function settle(core: Core, touch: (subject: Subject) => void): Promise<void> {
  const turn = new Turn()
  for (const state of core.settling) {
    if (turn.over) await turn.next()
    if (!isSettled(state)) continue
    core.settling.delete(state)
    core.commits.changed(state.subject)
    core.entries.ready.delete(state)
    core.retry.succeeded(state)
    state.dirty = undefined
    state.leaving = undefined
    core.numbers.release(state)
    if (state.more) {
      touch(state.subject)
      core.again = true
    }
    core.subjects.forgetIfIdle(state)
  }
}

const isSettled = ({ dirtyCount, leaving }: SubjectState): boolean =>
  dirtyCount === 0 && (leaving === undefined || leaving.every(({ dirtyBy }) => dirtyBy === undefined))
