import { type Json, listOf, mapOf, textOf } from './access.ts'
import { ageText } from './ages.ts'

const statuses = (pod: Json, field = 'containerStatuses'): Json[] => listOf(mapOf(pod['status'])[field])

const state = (container: Json, which: 'waiting' | 'running' | 'terminated'): Json | undefined => {
  const value = mapOf(container['state'])[which]
  return value === undefined ? undefined : mapOf(value)
}

/** The column READY: `1/2`. */
export function podReady(pod: Json): string {
  const ready = statuses(pod).filter((c) => c['ready'] === true && state(c, 'running') !== undefined)
  return `${ready.length}/${listOf(mapOf(pod['spec'])['containers']).length}`
}

/** The column RESTARTS: a number and, where there is one, how long ago the last was. */
export function podRestarts(pod: Json, now: Date): string {
  const restarts = statuses(pod).reduce((sum, c) => sum + (Number(c['restartCount']) || 0), 0)
  const ends = statuses(pod)
    .map((c) => Date.parse(textOf(mapOf(mapOf(c['lastState'])['terminated'])['finishedAt'])))
    .filter((time) => !Number.isNaN(time))
  if (restarts === 0 || ends.length === 0) return String(restarts)
  return `${restarts} (${ageText(now.getTime() - Math.max(...ends))} ago)`
}

/** The column STATUS (printPod of pkg/printers/internalversion). */
export function podStatus(pod: Json): string {
  const status = mapOf(pod['status'])
  const reason = textOf(status['reason'])
  let shown = initStatus(pod)
  if (shown === undefined) {
    shown = textOf(containersStatus(pod) ?? (gated(pod) ? 'SchedulingGated' : reason || status['phase']))
    if (shown === 'Completed' && statuses(pod).some((c) => c['ready'] === true && state(c, 'running')))
      shown = isReady(pod) ? 'Running' : 'NotReady'
  }
  if (mapOf(pod['metadata'])['deletionTimestamp'] === undefined) return shown
  if (reason === 'NodeLost') return 'Unknown'
  return status['phase'] === 'Succeeded' || status['phase'] === 'Failed' ? shown : 'Terminating'
}

const isReady = (pod: Json): boolean =>
  listOf(mapOf(pod['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True')

const gated = (pod: Json): boolean =>
  listOf(mapOf(pod['status'])['conditions']).some(
    (c) => c['type'] === 'PodScheduled' && c['reason'] === 'SchedulingGated',
  )

/** Why the first init container that has not ended well holds the pod, or undefined. */
function initStatus(pod: Json): string | undefined {
  const total = listOf(mapOf(pod['spec'])['initContainers']).length
  for (const [i, container] of statuses(pod, 'initContainerStatuses').entries()) {
    const ended = state(container, 'terminated')
    if (ended?.['exitCode'] === 0) continue
    if (ended !== undefined) return `Init:${endedText(ended)}`
    const waiting = textOf(state(container, 'waiting')?.['reason'])
    return waiting !== '' && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${i}/${total}`
  }
  return undefined
}

/** What the first container that waits or has ended says; the first one counts, not the last. */
function containersStatus(pod: Json): string | undefined {
  const texts = statuses(pod).map((container) => {
    const waiting = textOf(state(container, 'waiting')?.['reason'])
    if (waiting !== '') return waiting
    const ended = state(container, 'terminated')
    return ended === undefined ? undefined : endedText(ended)
  })
  return texts.find((text) => text !== undefined)
}

function endedText(ended: Json): string {
  if (textOf(ended['reason']) !== '') return textOf(ended['reason'])
  return ended['signal'] ? `Signal:${ended['signal']}` : `ExitCode:${ended['exitCode'] ?? 0}`
}

/** Completion, as a condition of the row: `kubectl get` greys such rows out. */
export function podRowCondition(pod: Json): Json[] {
  const phase = mapOf(pod['status'])['phase']
  const row = (reason: string, message: string): Json[] => [{ type: 'Completed', status: 'True', reason, message }]
  if (phase === 'Succeeded') return row('Succeeded', 'The pod has completed successfully.')
  return phase === 'Failed' ? row('Failed', 'The pod failed.') : []
}
