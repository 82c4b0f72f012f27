import type { Pod } from './pod.ts'
import { hasPrograms } from './volumes/token-volume.ts'

/** How long a pod in which nothing runs a program waits for a Secret, in milliseconds. */
const patienceMs = 3_000

/**
 * Decides when a pod goes on without a Secret. Programs that are stood in for would have made many of them (a Job that makes a certificate, an init container that makes a
 * password), so that waiting would never end, and what stands in for the others needs none. A pod that runs a program waits for ever, as on a real node; so does
 * any pod for a ConfigMap.
 */
export class Patience {
  #sinceMs: number | undefined

  /** @param error what has just been missing */
  isOver(pod: Pod, error: unknown): boolean {
    if (hasPrograms(pod) || (error as { ofSecret?: boolean }).ofSecret !== true) return false
    this.#sinceMs ??= performance.now()
    return performance.now() - this.#sinceMs > patienceMs
  }
}

/** The Event that tells of it. */
export const wentOnWithout = (error: unknown): [reason: string, message: string] => [
  'StandInStarted',
  `the lab's echo server needs no Secret, and goes on without: ${(error as Error).message}`,
]
