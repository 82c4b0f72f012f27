import { hasCondition, type Json, listOf, mapOf, textOf } from './access.ts'
import { ageText } from './ages.ts'

/*
 * The columns READY, STATUS and RESTARTS, as a real server makes them (printPod of pkg/printers/internalversion): a started sidecar, which is an init
 * container that restarts for ever, counts with the containers, and holds nothing up.
 */

const statuses = (pod: Json, field = 'containerStatuses'): Json[] => listOf(mapOf(pod['status'])[field])

const state = (container: Json, which: 'waiting' | 'running' | 'terminated'): Json | undefined => {
  const value = mapOf(container['state'])[which]
  return value === undefined ? undefined : mapOf(value)
}

/** Names of the init containers that restart for ever (KEP-753). */
const sidecarsOf = (pod: Json): Set<unknown> =>
  new Set(
    listOf(mapOf(pod['spec'])['initContainers'])
      .filter((c) => c['restartPolicy'] === 'Always')
      .map((c) => c['name']),
  )

interface Initialization {
  /** What the first init container that holds the pod says; undefined if none does. */
  reason: string | undefined
  /** Those before it, and itself. */
  seen: Json[]
  readySidecars: number
}

function initialization(pod: Json): Initialization {
  const sidecars = sidecarsOf(pod)
  const total = listOf(mapOf(pod['spec'])['initContainers']).length
  const containers = statuses(pod, 'initContainerStatuses')
  let readySidecars = 0
  for (const [i, container] of containers.entries()) {
    if (state(container, 'terminated')?.['exitCode'] === 0) continue
    if (!sidecars.has(container['name']) || container['started'] !== true)
      return { reason: initReason(container, i, total), seen: containers.slice(0, i + 1), readySidecars }
    if (container['ready'] === true) readySidecars++
  }
  return { reason: undefined, seen: containers, readySidecars }
}

function initReason(container: Json, index: number, total: number): string {
  const ended = state(container, 'terminated')
  if (ended !== undefined) return `Init:${endedText(ended)}`
  const waiting = textOf(state(container, 'waiting')?.['reason'])
  return waiting !== '' && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`
}

/** Whether the containers count: no init container holds the pod, or, after a restart of one, none did once. */
const isPastInit = (pod: Json, { reason }: Initialization): boolean =>
  reason === undefined || hasCondition(pod, 'Initialized')

const isUp = (container: Json): boolean =>
  container['ready'] === true && state(container, 'running') !== undefined && isPlain(container)

const isPlain = (container: Json): boolean =>
  state(container, 'terminated') === undefined && textOf(state(container, 'waiting')?.['reason']) === ''

/** The column READY: `1/2`. */
export function podReady(pod: Json): string {
  const init = initialization(pod)
  const ready = isPastInit(pod, init) ? statuses(pod).filter(isUp).length : 0
  const total = listOf(mapOf(pod['spec'])['containers']).length + sidecarsOf(pod).size
  return `${ready + init.readySidecars}/${total}`
}

/** The column RESTARTS: a number and, where there is one, how long ago the last was. Of init containers only sidecars count once they are over. */
export function podRestarts(pod: Json, now: Date): string {
  const init = initialization(pod)
  const sidecars = sidecarsOf(pod)
  const counted = isPastInit(pod, init)
    ? [...init.seen.filter((c) => sidecars.has(c['name'])), ...statuses(pod)]
    : init.seen
  const restarts = counted.reduce((sum, c) => sum + (Number(c['restartCount']) || 0), 0)
  const ends = counted
    .map((c) => Date.parse(textOf(mapOf(mapOf(c['lastState'])['terminated'])['finishedAt'])))
    .filter((time) => !Number.isNaN(time))
  if (restarts === 0 || ends.length === 0) return String(restarts)
  return `${restarts} (${ageText(now.getTime() - Math.max(...ends))} ago)`
}

/** The column STATUS. */
export function podStatus(pod: Json): string {
  const status = mapOf(pod['status'])
  const reason = textOf(status['reason'])
  const init = initialization(pod)
  let shown = init.reason ?? (gated(pod) ? 'SchedulingGated' : reason || textOf(status['phase']))
  if (isPastInit(pod, init)) {
    shown = containersReason(pod) ?? shown
    if (shown === 'Completed' && statuses(pod).some(isUp)) shown = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady'
  }
  if (mapOf(pod['metadata'])['deletionTimestamp'] === undefined) return shown
  if (reason === 'NodeLost') return 'Unknown'
  return status['phase'] === 'Succeeded' || status['phase'] === 'Failed' ? shown : 'Terminating'
}

const gated = (pod: Json): boolean =>
  listOf(mapOf(pod['status'])['conditions']).some(
    (c) => c['type'] === 'PodScheduled' && c['reason'] === 'SchedulingGated',
  )

/** What the first container that waits or has ended says; the first one counts, not the last. */
function containersReason(pod: Json): string | undefined {
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
