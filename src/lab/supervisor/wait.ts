import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError } from '../../model/error.ts'

const pollMs = 50
/** Asking takes a fifth of the time at most, however many objects there are. */
const restPerQuestion = 4
/** A reader who waits hears after this time what is missing, and then whenever that changes. */
const reportAfterMs = 5_000

export interface WaitOptions {
  /** On the clock of `performance.now()`. */
  deadlineMs: number
  /** Called with what is missing after 5 s, and whenever it changes from then on. */
  onWaiting: (missing: string[]) => void
}

/**
 * Waits until nothing is missing.
 *
 * @param what for the error, e.g. `the pods are not all running`
 * @param missing what is still missing, in words; asked again and again
 * @throws WeftError LAB_TIMEOUT that lists what is missing
 */
export async function waitUntilNothing(
  what: string,
  missing: () => string[] | Promise<string[]>,
  { deadlineMs, onWaiting }: WaitOptions,
): Promise<void> {
  const reportAtMs = performance.now() + reportAfterMs
  let reported = ''
  for (;;) {
    const askedMs = performance.now()
    const left = await missing()
    if (left.length === 0) return
    const nowMs = performance.now()
    if (nowMs > deadlineMs) throw timedOut(what, left)
    if (nowMs > reportAtMs && left.join() !== reported) {
      reported = left.join()
      onWaiting(brief(left))
    }
    await sleep(Math.max(pollMs, restPerQuestion * (nowMs - askedMs)))
  }
}

const timedOut = (what: string, left: string[]): WeftError =>
  new WeftError(`${what} in time: ${brief(left).join('; ')}`, {
    code: 'LAB_TIMEOUT',
    fault: 'user',
    remedy:
      'look at what is listed: the objects may ask for what the lab does not have; or give more time with --timeout',
    exitCode: 124,
  })

/** More than this is counted, not listed. */
const mostListed = 5

function brief(left: string[]): string[] {
  return left.length <= mostListed ? left : [...left.slice(0, mostListed), `and ${left.length - mostListed} more`]
}
