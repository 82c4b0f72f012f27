import { setTimeout as delay } from 'node:timers/promises'
import { neighbourTable } from '../../kernel/neighbour-table.ts'
import type { LabState } from '../state.ts'
import { expectAll } from './expect.ts'
import { judge } from './judge.ts'
import { type Lister, listObjects, versionOf } from './objects.ts'
import { isReady } from './origins.ts'
import { type Report, reportOf } from './report.ts'
import { planRetries } from './retries.ts'
import { type Trial, tryAll } from './runner.ts'
import { mostPodsInFull } from './sample.ts'
import { type ClusterObjects, keyOf } from './types.ts'

export { type Report, summarize } from './report.ts'
export type { Row } from './types.ts'

export interface VerifyOptions {
  /** Told what happens, for a reader who waits. */
  progress?: (text: string) => void
  /** Decides the sample of pods that ask each other in a large lab; random where absent. */
  seed?: number
}

/** How long to wait for the objects to stop changing before a failed claim is tried again. */
const settleMs = 3_000
const pollMs = 250

/**
 * Sends real traffic for all that the lab's API objects claim. What fails is tried once more against fresh objects, after these have come
 * to rest: a change that is on its way to the kernel is no mismatch.
 *
 * @throws ApiError or WeftError where the API does not answer, KernelError where namespaces cannot be entered at all
 */
export async function verify(lab: LabState, api: Lister, options: VerifyOptions = {}): Promise<Report> {
  const started = performance.now()
  const { progress = () => {}, seed = 1 + Math.floor(Math.random() * 999_999) } = options
  const fullBefore = neighbourTable().fulls
  const objects = await listObjects(api)
  const expected = expectAll(objects, lab, seed)
  const isSample = objects.pods.filter(isReady).length > mostPodsInFull
  progress(
    `trying ${expected.claims.length} claims${isSample ? ` (pods among each other: a sample, --seed ${seed})` : ''}`,
  )
  const trials = await tryAll(expected.claims, lab)
  const failed = trials.filter(isMismatch)
  if (failed.length === 0) return reportOf({ lab: lab.name, trials, omissions: expected.omissions, started })
  progress(`${failed.length} did not hold: once more, against fresh objects`)
  const fresh = expectAll(await settledObjects(api, objects), lab, seed)
  const retries = planRetries(failed, fresh)
  const again = await tryAll(retries.claims, lab)
  const { fulls, limit } = neighbourTable()
  if (fulls > fullBefore) {
    progress(
      `the kernel's neighbour table was full (${limit} entries for all namespaces of this machine), so packets were lost`,
    )
    progress('remedy: sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv4.neigh.default.gc_thresh2=8192')
  }
  return reportOf({
    lab: lab.name,
    trials: [...trials.filter((trial) => !isMismatch(trial)), ...again],
    omissions: [...fresh.omissions, ...retries.omissions],
    failedBefore: new Map(failed.map((trial) => [keyOf(trial.claim), judge(trial.claim, trial.observations).cameBack])),
    started,
  })
}

const isMismatch = ({ claim, observations }: Trial): boolean => judge(claim, observations).result === 'MISMATCH'

/** Waits until two listings in a row are the same, three seconds at most. */
async function settledObjects(api: Lister, before: ClusterObjects): Promise<ClusterObjects> {
  const deadline = performance.now() + settleMs
  let last = before
  for (;;) {
    await delay(pollMs)
    const now = await listObjects(api)
    if (versionOf(now) === versionOf(last) || performance.now() > deadline) return now
    last = now
  }
}
