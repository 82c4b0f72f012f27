import type { LabelSelector } from './kinds.ts'

type Labels = Record<string, string> | undefined

/** A label by a key that somebody chose: `constructor`, which every object has, is none unless it was set. */
export const labelAt = (labels: Labels, key: string): string | undefined =>
  labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined

/** True if the labels have every pair. An empty map matches everything. */
export const matchesLabels = (wanted: Record<string, string>, labels: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labelAt(labels, key) === value)

/** A LabelSelector as workloads have it. An empty one matches everything. */
export const matchesSelector = (selector: LabelSelector, labels: Labels): boolean =>
  matchesLabels(selector.matchLabels ?? {}, labels) &&
  (selector.matchExpressions ?? []).every((expression) => matchesExpression(expression, labels))

/** One requirement of a label or node selector; `Gt` and `Lt` exist for nodes only. An operator that is unknown matches nothing. */
export function matchesExpression(
  { key, operator, values = [] }: { key: string; operator: string; values?: string[] },
  labels: Labels,
): boolean {
  const value = labelAt(labels, key)
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
    default:
      return false
  }
}

export const isEmptySelector = (selector: LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
