import { type Json, listOf, mapOf, textOf } from '../access.ts'
import { ageSince } from '../ages.ts'
import { name } from '../columns/cells.ts'
import type { Column } from '../kind.ts'
import { followPath, parseJsonPath } from './json-path.ts'

const age: Column = {
  name: 'Age',
  type: 'date',
  cell: (o, now) => ageSince(mapOf(o['metadata'])['creationTimestamp'], now),
}

/** The columns of a version: those of its definition, or the age alone. */
export function customColumns(version: Json): readonly Column[] {
  const own = listOf(version['additionalPrinterColumns'])
  return own.length === 0 ? [name, age] : [name, ...own.map(column)]
}

function column(given: Json): Column {
  const path = textOf(given['jsonPath'])
  const steps = parseJsonPath(path)
  const type = textOf(given['type'])
  const { format, priority } = given
  return {
    name: textOf(given['name']),
    type,
    description: textOf(given['description']) || `Custom resource definition column (in JSONPath format): ${path}`,
    ...(typeof format === 'string' ? { format } : {}),
    ...(typeof priority === 'number' ? { priority } : {}),
    cell: (object, now) => (steps === undefined ? null : cell(followPath(object, steps), type, now)),
  }
}

/** Null where there is nothing, or something of another type. */
function cell([value]: readonly unknown[], type: string, now: Date): unknown {
  if (value === undefined || value === null) return null
  if (type === 'integer') return typeof value === 'number' ? Math.trunc(value) : null
  if (type === 'number') return typeof value === 'number' ? value : null
  if (type === 'boolean') return typeof value === 'boolean' ? value : null
  if (type === 'date') return typeof value === 'string' ? ageSince(value, now) : null
  return typeof value === 'string' ? value : JSON.stringify(value)
}
