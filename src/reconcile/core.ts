import { Commits } from './commits.ts'
import { Contests } from './contests.ts'
import { Effects } from './effects.ts'
import { Entries } from './entries.ts'
import { Epochs } from './epochs.ts'
import { Metrics } from './metrics.ts'
import { Numbers } from './numbers.ts'
import { Retry } from './retry.ts'
import { type SubjectState, Subjects } from './subjects.ts'
import type { Part, Target } from './types.ts'
import { WantedItems } from './wanted.ts'

export type ReconcilerLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void

export interface CoreOptions {
  part: Part
  target: Target
  /** Milliseconds since the epoch. */
  now?: () => number
  random?: () => number
  /** Told about drift, failures and the first sync; one line each, in the kernel's words. */
  log?: ReconcilerLog
}

/** What the pieces of one reconciler share. */
export interface Core {
  readonly part: Part
  readonly target: Target
  readonly now: () => number
  readonly random: () => number
  readonly log: ReconcilerLog
  readonly entries: Entries
  readonly subjects: Subjects
  readonly wanted: WantedItems
  readonly numbers: Numbers
  readonly retry: Retry<SubjectState>
  readonly contests: Contests
  readonly effects: Effects
  readonly epochs: Epochs
  readonly commits: Commits
  readonly metrics: Metrics
  /** Subjects that were planned or written since they were settled last: numbers to free, more to plan, or nothing to remember. */
  readonly settling: Set<SubjectState>
  /** What is there may differ from what was acknowledged. */
  suspect: boolean
  /** There is more to plan or to write at once. */
  again: boolean
}

export function makeCore({ part, target, now = Date.now, random = Math.random, log = () => {} }: CoreOptions): Core {
  const entries = new Entries(part.kinds)
  const subjects = new Subjects()
  const metrics = new Metrics()
  return {
    part,
    target,
    now,
    random,
    log,
    entries,
    subjects,
    metrics,
    wanted: new WantedItems(entries, subjects),
    numbers: new Numbers(),
    retry: new Retry(now, random),
    contests: new Contests({ now, random, log }),
    effects: new Effects({ target, known: entries, metrics, now, random, log }),
    epochs: new Epochs(),
    commits: new Commits(),
    settling: new Set(),
    suspect: false,
    again: false,
  }
}
