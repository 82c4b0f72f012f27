import type { Entry } from './entries.ts'
import { none } from './subjects.ts'
import type { Subject } from './types.ts'

/** Told after each run which subjects were planned, written or lost: they may be committed now, or no longer be. */
export type CommitListener = (subjects: ReadonlySet<Subject>, generation: number) => void

/** What of a part is in place, as a fact for others. */
export class Commits {
  /** Rises with every acknowledged change. */
  generation = 0
  readonly #listeners = new Set<CommitListener>()
  readonly #waiting = new Map<Subject, Set<() => void>>()
  #news = new Set<Subject>()

  get watched(): boolean {
    return this.#listeners.size > 0
  }

  listen(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves when wake() finds the subject committed. @throws the signal's reason */
  wait(subject: Subject, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const waiting = this.#waiting.get(subject) ?? new Set()
      this.#waiting.set(subject, waiting.add(done))
      const unwait = (): void => {
        waiting.delete(done)
        if (waiting.size === 0) this.#waiting.delete(subject)
        signal?.removeEventListener('abort', abort)
      }
      function done(): void {
        unwait()
        resolve()
      }
      function abort(): void {
        unwait()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** This subject was planned, or something of it written or lost. */
  changed(subject: Subject): void {
    if (this.watched) this.#news.add(subject)
  }

  /** The same of all who want an item, but for the one that writes it. */
  changedFor({ owner, others, dirtyBy }: Entry): void {
    if (!this.watched) return
    if (owner !== undefined && owner !== dirtyBy?.subject) this.#news.add(owner)
    for (const subject of others ?? none) this.#news.add(subject)
  }

  /** Tells listeners what changed, and wakes who waits for a subject that is committed by now. */
  tell(isCommitted: (subject: Subject) => boolean): void {
    for (const [subject, waiting] of this.#waiting)
      if (isCommitted(subject)) for (const done of Array.from(waiting)) done()
    if (this.#news.size === 0) return
    const news = this.#news
    this.#news = new Set()
    for (const listener of this.#listeners) listener(news, this.generation)
  }
}
