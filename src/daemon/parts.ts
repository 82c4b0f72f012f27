import type { ReconcilerStatus } from '../reconcile/reconciler.ts'
import type { Refusal } from '../reconcile/types.ts'
import type { Log } from './log.ts'
import type { PartHealth } from './progress.ts'
import { type RunnablePart, type RunningPart, runPart } from './run-part.ts'

/** What a part says of itself. */
export interface PartStatus extends ReconcilerStatus {
  details?: Readonly<Record<string, string | number>>
}

/** The parts that a process runs at the moment; none before it has its lists, or while it does not lead. */
export class Parts {
  #running: readonly RunningPart[] = []

  /** Starts all of them at once: none waits for another. Resolves when each has written everything for the first time. */
  async run(parts: readonly RunnablePart[], log: Log): Promise<void> {
    this.#running = parts.map((part) => runPart(part, log))
    await Promise.all(this.#running.map(({ started }) => started))
  }

  /** Sets one more going; none of the others notices. Whoever calls looks after `started`. */
  add(part: RunnablePart, log: Log): RunningPart {
    const running = runPart(part, log)
    this.#running = [...this.#running, running]
    return running
  }

  /** Stops one; what it wrote stays. */
  remove(running: RunningPart): void {
    running.stop()
    this.#running = this.#running.filter((one) => one !== running)
  }

  /** What was written stays. */
  stop(): void {
    for (const part of this.#running) part.stop()
    this.#running = []
  }

  get running(): readonly RunningPart[] {
    return this.#running
  }

  status(): PartStatus[] {
    return this.#running.map(({ part }) => ({
      ...part.reconciler.status(),
      ...(part.details === undefined ? {} : { details: part.details() }),
    }))
  }

  refusals(): Refusal[] {
    return this.status().flatMap(({ refusals }) => refusals)
  }

  health(): PartHealth[] {
    return this.#running.map(({ progress }) => progress.health())
  }
}
