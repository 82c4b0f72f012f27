import { type Json, listOf, mapOf, textOf, textsOf } from '../access.ts'
import { ageSince } from '../ages.ts'
import type { Column } from '../kind.ts'
import { selectorText } from '../label-selectors.ts'

/** How a cell is made of an object. */
export type Cell = (object: Json, now: Date) => string | number

export const text = (name: string, cell: Cell): Column => ({ name, type: 'string', cell })
/** Only with `-o wide`. */
export const wide = (name: string, cell: Cell): Column => ({ name, type: 'string', priority: 1, cell })
export const number = (name: string, cell: Cell): Column => ({ name, type: 'integer', cell })

export const orNone = (value: string): string => (value === '' ? '<none>' : value)
export const orUnset = (value: unknown): string =>
  typeof value === 'number' || (typeof value === 'string' && value !== '') ? `${value}` : '<unset>'
export const orUnknown = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : '<unknown>')
export const count = (value: unknown): number => Object.keys(mapOf(value)).length
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

export const name: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: (o) => textOf(mapOf(o['metadata'])['name']),
}
export const age: Column = text('Age', (o, now) => ageSince(mapOf(o['metadata'])['creationTimestamp'], now))
export const createdAt: Column = text('Created At', (o) => textOf(mapOf(o['metadata'])['creationTimestamp']))

/** A column that shows a field of the object as it is. */
export const field = (title: string, ...path: string[]): Column =>
  text(title, (o) => {
    const value = path.reduce<unknown>((inner, key) => mapOf(inner)[key], o)
    if (value === undefined || value === null) return ''
    return typeof value === 'string' ? value : JSON.stringify(value)
  })

/** `a=b,c=d`, in the order of keys. */
export const labelText = (labels: unknown): string =>
  orNone(
    Object.entries(mapOf(labels))
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(','),
  )

/** Containers and images of a pod template, and a selector, as most workloads show them with `-o wide`. */
export const podColumnsOf = (spec: (object: Json) => unknown): Column[] => {
  const each = (object: Json, part: string): string =>
    listOf(mapOf(spec(object))['containers'])
      .map((container) => textOf(container[part]))
      .join(',')
  return [wide('Containers', (o) => each(o, 'name')), wide('Images', (o) => each(o, 'image'))]
}

export const templateSpec = (o: Json): unknown => mapOf(mapOf(o['spec'])['template'])['spec']

export const selectorColumn: Column = wide('Selector', (o) => orNone(selectorText(mapOf(o['spec'])['selector'])))

const accessModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])

/** `RWO,ROX`. */
export const accessModeText = (modes: unknown): string =>
  textsOf(modes)
    .map((mode) => accessModes.get(mode) ?? mode)
    .join(',')
