import { isMap } from '../access.ts'

/** One step of a path. */
type Step =
  | { field: string }
  | { index: number }
  | { all: true }
  | { where: [left: string, value: unknown, equal: boolean] }

const quoted = (text: string): string => text.replace(/^(['"])(.*)\1$/, '$2')

/** `'Ready'`, `"Ready"`, `5`, `true`. */
function literal(text: string): unknown {
  if (/^(['"]).*\1$/.test(text)) return quoted(text)
  if (text === 'true' || text === 'false') return text === 'true'
  return Number.isNaN(Number(text)) ? text : Number(text)
}

const token =
  /\.?\[\?\(@\.?([^=!]*?)\s*(==|!=)\s*([^)]+?)\s*\)\]|\.?\[(-?\d+)\]|\.?\[\*\]|\.\*|\.?\[(['"])(.*?)\5\]|\.((?:\\.|[^.[\]])+)/gy

/**
 * Reads a path of the kind that columns and selectable fields have: `.spec.a`, `.spec.list[0].b`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.metadata.labels['a\.b']`, `[*]`. Undefined if it is none.
 */
export function parseJsonPath(text: string): readonly Step[] | undefined {
  const path = text.startsWith('.') || text.startsWith('[') ? text : `.${text}`
  const steps: Step[] = []
  token.lastIndex = 0
  while (token.lastIndex < path.length) {
    const match = token.exec(path)
    if (match === null) return undefined
    const [, left, operator, value, index, , key, field] = match
    if (operator !== undefined) steps.push({ where: [left ?? '', literal(value ?? ''), operator === '=='] })
    else if (index !== undefined) steps.push({ index: Number(index) })
    else if (key !== undefined) steps.push({ field: key.replace(/\\(.)/g, '$1') })
    else if (field !== undefined) steps.push({ field: field.replace(/\\(.)/g, '$1') })
    else steps.push({ all: true })
  }
  return steps
}

/** All that a path leads to, in order. */
export function followPath(value: unknown, steps: readonly Step[]): unknown[] {
  return steps.reduce<unknown[]>((values, step) => values.flatMap((one) => follow(one, step)), [value])
}

function follow(value: unknown, step: Step): unknown[] {
  if ('field' in step) return isMap(value) && Object.hasOwn(value, step.field) ? [value[step.field]] : []
  if ('index' in step) {
    const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined
    return item === undefined ? [] : [item]
  }
  const items: unknown[] = Array.isArray(value) ? value : isMap(value) ? Object.values(value) : []
  if ('all' in step) return items
  const [left, wanted, equal] = step.where
  const inner = parseJsonPath(left) ?? []
  return items.filter((item) => {
    const [found] = left === '' ? [item] : followPath(item, inner)
    return (found === wanted) === equal
  })
}
