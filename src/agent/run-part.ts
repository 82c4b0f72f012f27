import type { Reconciler } from '../reconcile/reconciler.ts'
import { Scheduler } from '../reconcile/scheduler.ts'
import type { Change, Subject } from '../reconcile/types.ts'
import type { Log } from './log.ts'

/** What every part offers to whoever composes them. */
export interface RunnablePart {
  reconciler: Reconciler
  start(): Promise<void>
  dryRun(): Promise<Change[]>
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
  close?(): void
}

/**
 * Writes what differs and follows what changes from then on. Returns what stops it; the kernel stays as it is. It follows before it starts, and lets each store
 * say once what there is: else an object that goes while the start writes would be told to nobody.
 */
export async function startPart(part: RunnablePart, log: Log): Promise<() => void> {
  const { reconciler } = part
  let scheduler: Scheduler | undefined
  const unfollow = part.follow((subjects) => {
    if (scheduler === undefined) reconciler.touch(subjects)
    else scheduler.touch(subjects)
  })
  await new Promise((resolve) => setImmediate(resolve))
  const from = performance.now()
  await part.start()
  const { part: name, items, changes } = reconciler.status()
  const milliseconds = Math.round(performance.now() - from)
  log('info', 'the kernel is what the API says', { part: name, items, changes, milliseconds })
  const onError = (error: unknown): void =>
    log('error', 'the reconciler stumbled; it goes on', { part: name, error: String(error) })
  scheduler = new Scheduler(reconciler, { onError })
  scheduler.touch([])
  const running = scheduler
  return () => {
    unfollow()
    running.close()
    part.close?.()
  }
}
