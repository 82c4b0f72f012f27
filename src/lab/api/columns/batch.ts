import { hasCondition, type Json, listOf, mapOf, textOf } from '../access.ts'
import { ageSince, ageText } from '../ages.ts'
import type { Column } from '../kind.ts'
import {
  age,
  field,
  name,
  number,
  numberOf,
  orNone,
  orUnset,
  podColumnsOf,
  selectorColumn,
  templateSpec,
  text,
} from './cells.ts'

function jobStatus(job: Json): string {
  if (hasCondition(job, 'Complete')) return 'Complete'
  if (hasCondition(job, 'Failed')) return 'Failed'
  if (mapOf(job['metadata'])['deletionTimestamp'] !== undefined) return 'Terminating'
  if (hasCondition(job, 'Suspended')) return 'Suspended'
  if (hasCondition(job, 'FailureTarget')) return 'FailureTarget'
  return hasCondition(job, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running'
}

function completions(job: Json): string {
  const { completions: wanted, parallelism } = mapOf(job['spec'])
  const done = numberOf(mapOf(job['status'])['succeeded'])
  if (typeof wanted === 'number') return `${done}/${wanted}`
  return numberOf(parallelism) > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function duration(job: Json, now: Date): string {
  const { startTime, completionTime } = mapOf(job['status'])
  if (typeof startTime !== 'string') return ''
  const end = typeof completionTime === 'string' ? Date.parse(completionTime) : now.getTime()
  return ageText(end - Date.parse(startTime))
}

/** batch/v1 (pkg/printers/internalversion). */
export const jobColumns: readonly Column[] = [
  name,
  text('Status', jobStatus),
  text('Completions', completions),
  text('Duration', duration),
  age,
  ...podColumnsOf(templateSpec),
  selectorColumn,
]

export const cronJobColumns: readonly Column[] = [
  name,
  field('Schedule', 'spec', 'schedule'),
  text('Timezone', (o) => orNone(textOf(mapOf(o['spec'])['timeZone']))),
  text('Suspend', (o) => (mapOf(o['spec'])['suspend'] === true ? 'True' : 'False')),
  number('Active', (o) => listOf(mapOf(o['status'])['active']).length),
  text('Last Schedule', (o, now) => {
    const last = mapOf(o['status'])['lastScheduleTime']
    return last === undefined ? '<none>' : ageSince(last, now)
  }),
  age,
  ...podColumnsOf((o) => templateSpec(mapOf(mapOf(o['spec'])['jobTemplate']))),
  { ...selectorColumn, cell: (o) => selectorColumn.cell(mapOf(mapOf(o['spec'])['jobTemplate']), new Date()) },
]

const percent = (value: unknown): string => (typeof value === 'number' ? `${value}%` : '<unknown>')

/** What one metric has and wants. Only those of resources are told apart; others show their target. */
function target(metric: Json, current: Json | undefined): string {
  const source = textOf(metric['type'])
  const key = source.charAt(0).toLowerCase() + source.slice(1)
  const wanted = mapOf(mapOf(metric[key])['target'])
  const has = mapOf(mapOf(current?.[key])['current'])
  const title = source === 'Resource' ? `${textOf(mapOf(metric[key])['name'])}: ` : ''
  if (wanted['averageUtilization'] !== undefined)
    return `${title}${percent(has['averageUtilization'])}/${wanted['averageUtilization']}%`
  const value = wanted['averageValue'] ?? wanted['value']
  const now = has['averageValue'] ?? has['value'] ?? '<unknown>'
  return `${title}${now}/${value ?? '<auto>'}${wanted['averageValue'] !== undefined && source !== 'Resource' ? ' (avg)' : ''}`
}

/** autoscaling. */
export const autoscalerColumns: readonly Column[] = [
  name,
  text('Reference', (o) => {
    const { kind, name } = mapOf(mapOf(o['spec'])['scaleTargetRef'])
    return `${textOf(kind)}/${textOf(name)}`
  }),
  text('Targets', (o) => {
    const metrics = listOf(mapOf(o['spec'])['metrics'])
    const current = listOf(mapOf(o['status'])['currentMetrics'])
    const shown = metrics.slice(0, 2).map((metric, i) => target(metric, current[i]))
    const more = metrics.length > 2 ? ` + ${metrics.length - 2} more...` : ''
    return metrics.length === 0 ? '<none>' : `${shown.join(', ')}${more}`
  }),
  text('MinPods', (o) => orUnset(mapOf(o['spec'])['minReplicas'])),
  number('MaxPods', (o) => numberOf(mapOf(o['spec'])['maxReplicas'])),
  number('Replicas', (o) => numberOf(mapOf(o['status'])['currentReplicas'])),
  age,
]

const orNotAvailable = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? `${value}` : 'N/A'

/** policy/v1. */
export const disruptionBudgetColumns: readonly Column[] = [
  name,
  text('Min Available', (o) => orNotAvailable(mapOf(o['spec'])['minAvailable'])),
  text('Max Unavailable', (o) => orNotAvailable(mapOf(o['spec'])['maxUnavailable'])),
  number('Allowed Disruptions', (o) => numberOf(mapOf(o['status'])['disruptionsAllowed'])),
  age,
]
