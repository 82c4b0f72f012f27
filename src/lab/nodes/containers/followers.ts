/** What is known of a log that is followed: how often it was written to, who follows, and who waits for them. */
interface Followed {
  writes: number
  followers: Set<Follower>
  waiting: Set<() => void>
}

/** By the log's path. */
const logs = new Map<string, Followed>()

/**
 * Somebody in this process who reads a log as it grows. The kubelet writes faster than anybody reads: a log that were set aside twice between two looks would have a gap. Thus it is
 * not set aside while a follower has not read all of it.
 */
export class Follower {
  readonly #path: string
  readonly #log: Followed
  #seen = -1

  constructor(path: string) {
    this.#path = path
    this.#log = logs.get(path) ?? { writes: 0, followers: new Set(), waiting: new Set() }
    logs.set(path, this.#log)
    this.#log.followers.add(this)
  }

  get isBehind(): boolean {
    return this.#log.writes !== this.#seen
  }

  /** A look begins. @returns to be called when it has come to the end of the log */
  look(): () => void {
    const { writes } = this.#log
    return () => {
      this.#seen = writes
      wake(this.#path)
    }
  }

  leave(): void {
    this.#log.followers.delete(this)
    wake(this.#path)
    if (this.#log.followers.size === 0) logs.delete(this.#path)
  }
}

/** A log has grown. */
export function noteWritten(path: string): void {
  const log = logs.get(path)
  if (log !== undefined) log.writes++
}

/** Whether somebody has not read yet all that is in the log. */
export function isAwaited(path: string): boolean {
  for (const follower of logs.get(path)?.followers ?? []) if (follower.isBehind) return true
  return false
}

/** Resolves with true when all have read what is in the log, after a while with false. @returns undefined where they have already */
export function untilRead(path: string, patienceMs: number): Promise<boolean> | undefined {
  const log = logs.get(path)
  if (log === undefined || !isAwaited(path)) return undefined
  return new Promise((resolve) => {
    const done = (): void => end(true)
    const end = (isRead: boolean): void => {
      clearTimeout(timer)
      log.waiting.delete(done)
      resolve(isRead)
    }
    const timer = setTimeout(() => end(false), patienceMs)
    log.waiting.add(done)
  })
}

function wake(path: string): void {
  if (isAwaited(path)) return
  for (const done of logs.get(path)?.waiting ?? []) done()
}
