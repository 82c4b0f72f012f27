import type { Change } from '../reconcile/types.ts'
import { formatTable, type OutputFormat, print, say } from './output.ts'

/** What would be done to one key: two changes where its value would be another. */
export interface PlannedChange {
  op: 'add' | 'delete' | 'change'
  kind: string
  key: string
  value: string
  subject: string | undefined
}

/** Prints what a dry run found: each change in JSON and YAML, each key in a table. `nothing` is said where there is none. */
export async function printChanges(changes: readonly Change[], nothing: string, format: OutputFormat): Promise<void> {
  const planned = changes.map(plannedChange)
  if (format === 'json' || format === 'yaml') await print(planned, { format, kind: 'Change', columns: [] })
  else if (planned.length > 0) process.stdout.write(formatTable(byKey(planned), columns, format === 'wide'))
  const count = planned.length === 1 ? '1 change' : `${planned.length} changes`
  say(planned.length === 0 ? nothing : `${count}; nothing was written`)
}

const plannedChange = ({ op, item: { kind, key, value }, subject }: Change): PlannedChange => ({
  op,
  kind,
  key,
  value,
  subject,
})

/** A key that is deleted and added keeps its place and is one row, from the old value to the new one. */
export function byKey(changes: readonly PlannedChange[]): PlannedChange[] {
  const rows = new Map<string, PlannedChange>()
  for (const change of changes) {
    const key = JSON.stringify([change.kind, change.key])
    const before = rows.get(key)
    rows.set(key, before === undefined || before.op === change.op ? change : joined(before, change))
  }
  return [...rows.values()]
}

function joined(one: PlannedChange, other: PlannedChange): PlannedChange {
  const [old, now] = one.op === 'delete' ? [one, other] : [other, one]
  return { ...now, op: 'change', value: `${old.value} → ${now.value}` }
}

const columns = [
  { title: 'CHANGE', cell: (row: PlannedChange) => row.op },
  { title: 'KIND', cell: (row: PlannedChange) => row.kind },
  { title: 'KEY', cell: (row: PlannedChange) => row.key },
  { title: 'VALUE', cell: (row: PlannedChange) => row.value },
  { title: 'FOR', cell: (row: PlannedChange) => row.subject },
]
