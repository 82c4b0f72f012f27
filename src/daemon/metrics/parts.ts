import type { ReconcilerStatus } from '../../reconcile/reconciler.ts'
import { counter, gauge, histogram, type MetricFamily, type Sample } from './family.ts'

type NumberField = {
  [K in keyof ReconcilerStatus]: ReconcilerStatus[K] extends number ? K : never
}[keyof ReconcilerStatus]

/** Plain numbers of a part: name, field, what it says. */
const gauges: readonly [name: string, field: NumberField, help: string][] = [
  ['subjects', 'subjects', 'Objects (or parts of them) that want something, or are refused something.'],
  ['items', 'items', 'Items that are in place.'],
  ['pending_items', 'pending', 'Items that differ from what is wanted and wait to be written.'],
  ['contested', 'contested', 'Items, or whole kinds of them, that another program keeps taking back.'],
  ['effects_waiting', 'effectsWaiting', 'One-shot consequences of changes that have not run yet.'],
]

const counters: readonly [name: string, field: NumberField, help: string][] = [
  ['changes_total', 'changes', 'Items that were added or removed.'],
  ['transactions_total', 'transactions', 'Batches that were acknowledged.'],
  ['failures_total', 'failures', 'Times that a change was refused and put off.'],
  ['drift_total', 'drift', 'Items that were found missing, changed or foreign, and repaired.'],
  ['repairs_put_off_total', 'repairsPutOff', 'Repairs that were put off, since the ones before did not last.'],
  ['epochs_total', 'epochs', 'Times that a whole container was lost and written again.'],
  ['audits_total', 'audits', 'Comparisons of all that is there with all that was written.'],
  ['plans_total', 'plans', 'Times that a subject was planned.'],
  ['effects_total', 'effectsRun', 'One-shot consequences of changes that have run.'],
  ['effect_failures_total', 'effectsFailed', 'One-shot consequences of changes that failed.'],
  ['sweeps_total', 'sweeps', 'Searches for consequences that a crash left undone.'],
]

const histograms = [
  ['plan_seconds', 'planSeconds', 'Time to plan one subject.'],
  ['apply_seconds', 'applySeconds', 'Time to apply one batch.'],
  ['run_seconds', 'runSeconds', 'Time of a run that wrote something, from the first plan to the last acknowledgement.'],
] as const

const prefix = 'weft_reconciler_'

/** What each part's reconciler counts, by part. */
export function partMetrics(parts: readonly ReconcilerStatus[]): MetricFamily[] {
  const each = (value: (part: ReconcilerStatus) => number): Sample[] =>
    parts.map((part) => ({ labels: { part: part.part }, value: value(part) }))
  return [
    gauge(
      `${prefix}synced`,
      '1 if everything was planned and all of it was acknowledged.',
      each(({ synced }) => Number(synced)),
    ),
    ...gauges.map(([name, field, help]) =>
      gauge(
        prefix + name,
        help,
        each((part) => part[field]),
      ),
    ),
    ...counters.map(([name, field, help]) =>
      counter(
        prefix + name,
        help,
        each((part) => part[field]),
      ),
    ),
    gauge(
      `${prefix}failing_subjects`,
      'Subjects whose changes are refused and tried again.',
      each(({ failing }) => failing.length),
    ),
    gauge(`${prefix}refusals`, 'What objects ask for and do not get, by reason.', parts.flatMap(refusalsOf)),
    gauge(
      `${prefix}last_write_timestamp_seconds`,
      'When something was last written; 0 if never.',
      each(({ lastSyncMs }) => (lastSyncMs ?? 0) / 1000),
    ),
    ...histograms.map(([name, field, help]) =>
      histogram(
        prefix + name,
        help,
        parts.map((part) => ({ labels: { part: part.part }, value: part[field] })),
      ),
    ),
  ]
}

function refusalsOf({ part, refusals }: ReconcilerStatus): Sample[] {
  const byReason = new Map<string, number>()
  for (const { reason } of refusals) byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
  return [...byReason].map(([reason, value]) => ({ labels: { part, reason }, value }))
}

/** Lists and watches of the API that fail at the moment. */
export function apiMetrics(failing: Readonly<Record<string, string>>): MetricFamily[] {
  const samples = Object.keys(failing).map((resource) => ({ labels: { resource }, value: 1 }))
  return [
    gauge('weft_api_lists_failing', 'How many lists or watches of the API fail at the moment.', [
      { labels: {}, value: samples.length },
    ]),
    gauge('weft_api_list_failing', '1 for each resource whose list or watch fails at the moment.', samples),
  ]
}
