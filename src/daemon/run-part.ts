import type { Family } from '../model/ip.ts'
import type { HistogramValue } from '../reconcile/metrics.ts'
import type { Reconciler } from '../reconcile/reconciler.ts'
import { Scheduler } from '../reconcile/scheduler.ts'
import type { Change, Subject } from '../reconcile/types.ts'
import type { Log } from './log.ts'
import { Progress } from './progress.ts'

/** What every part offers to whoever composes them. */
export interface RunnablePart {
  reconciler: Reconciler
  start(): Promise<void>
  dryRun(): Promise<Change[]>
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
  close?(): void
  /** What else there is to tell, in words or numbers: shown by `weft status -o wide`. */
  details?(): Readonly<Record<string, string | number>>
  /** Changes gather for this long before they are written; 0 if absent. */
  minIntervalMs?: number
  /** Of a proxy: the family whose Services it serves. Its health and figures are told under kube-proxy's names too. */
  proxyFamily?: Family
  /** Of a proxy: from the change of an endpoint (annotation endpoints.kubernetes.io/last-change-trigger-time) until it is in the kernel. */
  networkProgramming?(): HistogramValue
}

/** A part that was set going. */
export interface RunningPart {
  readonly part: RunnablePart
  readonly progress: Progress
  /** Resolves when everything was written for the first time. */
  readonly started: Promise<void>
  /** What was written stays. */
  stop(): void
}

/**
 * Writes what differs and follows what changes from then on. It follows before it starts, and lets each store say once what there is: else an object
 * that goes while the start writes would be told to nobody.
 */
export function runPart(part: RunnablePart, log: Log): RunningPart {
  const { reconciler } = part
  const progress = new Progress(reconciler)
  let scheduler: Scheduler | undefined
  let stopped = false
  progress.queued()
  const unfollow = part.follow((subjects) => {
    progress.queued()
    if (scheduler === undefined) reconciler.touch(subjects)
    else scheduler.touch(subjects)
  })
  const start = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    const from = performance.now()
    await part.start()
    const { part: name, items, changes } = reconciler.status()
    const milliseconds = Math.round(performance.now() - from)
    log('info', 'what is there is what the API says', { part: name, items, changes, milliseconds })
    progress.ran()
    if (stopped) return
    const onError = (error: unknown): void => {
      // A run, that is; an audit that broke off leaves nothing to be written.
      if (reconciler.due) progress.stumbled()
      log('error', 'the reconciler stumbled; it goes on', { part: name, error: String(error) })
    }
    const { minIntervalMs = 0 } = part
    scheduler = new Scheduler(reconciler, { onError, onRun: () => progress.ran(), minIntervalMs })
    scheduler.touch([])
  }
  const stop = (): void => {
    stopped = true
    unfollow()
    if (scheduler === undefined) reconciler.close()
    else scheduler.close()
    part.close?.()
  }
  return { part, progress, started: start(), stop }
}
