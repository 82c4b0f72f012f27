import { setTimeout as sleep } from 'node:timers/promises'
import type { Probe } from '../pod.ts'
import { type ActionTarget, act, type Finding, isUnsupported } from './action.ts'

export type ProbeKind = 'startup' | 'readiness' | 'liveness'

/** Told of the outcomes of a container's probes. */
export interface ProbeListener {
  /** A startup probe has succeeded, or there is none. */
  started(): void
  ready(isReady: boolean): void
  /** A startup or liveness probe has failed too often in a row: the container is to be restarted. */
  failed(kind: ProbeKind): void
  /** Each single failure, for an Event. */
  finding(kind: ProbeKind, finding: string): void
}

/**
 * Runs the probes of one run of a container until the signal aborts: first the startup probe alone, then the others beside each other (core/v1 Probe). Where
 * there is none of a kind it counts as passed.
 *
 * @param startedMs when the container started, on the clock of performance.now()
 */
export async function runProbes(
  target: ActionTarget,
  listener: ProbeListener,
  startedMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container
  const run = { target, listener, startedMs, signal }
  if (startupProbe !== undefined && !(await hasStarted(startupProbe, run))) return
  listener.started()
  if (readinessProbe === undefined) listener.ready(true)
  await Promise.all([
    readinessProbe && watch(readinessProbe, 'readiness', run),
    livenessProbe && watch(livenessProbe, 'liveness', run),
  ])
}

/** One run of a container, for all its probes. */
interface Run {
  target: ActionTarget
  listener: ProbeListener
  startedMs: number
  signal: AbortSignal
}

/** @returns whether the probe has passed; false also when the signal aborted */
async function hasStarted(probe: Probe, run: Run): Promise<boolean> {
  for await (const state of outcomes(probe, 'startup', run)) {
    if (!state) run.listener.failed('startup')
    return state
  }
  return false
}

async function watch(probe: Probe, kind: 'readiness' | 'liveness', run: Run): Promise<void> {
  for await (const state of outcomes(probe, kind, run)) {
    if (kind === 'readiness') run.listener.ready(state)
    else if (!state) return run.listener.failed(kind)
  }
}

/** Each change of the probe's state, by its thresholds. */
async function* outcomes(
  probe: Probe,
  kind: ProbeKind,
  { target, listener, startedMs, signal }: Run,
): AsyncGenerator<boolean> {
  const { initialDelaySeconds = 0, periodSeconds = 10, successThreshold = 1, failureThreshold = 3 } = probe
  await pause(startedMs + initialDelaySeconds * 1000 - performance.now(), signal)
  let state: boolean | undefined
  let inRow = 0
  let last: boolean | undefined
  while (!signal.aborted) {
    const finding = await probeOnce(probe, target)
    if (signal.aborted) return
    const passed = finding === undefined
    inRow = passed === last ? inRow + 1 : 1
    last = passed
    if (finding !== undefined) listener.finding(kind, finding)
    if (inRow >= (passed ? successThreshold : failureThreshold) && state !== passed) {
      state = passed
      yield passed
    }
    await pause(periodSeconds * 1000, signal)
  }
}

async function probeOnce(probe: Probe, target: ActionTarget): Promise<Finding> {
  if (isUnsupported(probe)) return undefined
  return act(probe, target, (probe.timeoutSeconds ?? 1) * 1000)
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds, undefined, { signal }).catch(() => {})
}
