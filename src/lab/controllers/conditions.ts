import type { Condition } from './kinds.ts'

/**
 * Conditions with one set, as the workload controllers do it: nothing changes while status and reason stay; the time of transition stays while
 * the status does; a condition that changes goes to the end.
 */
export function setCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime' | 'lastUpdateTime'>,
  time: string,
  fields: { lastUpdateTime: boolean } = { lastUpdateTime: true },
): Condition[] {
  const current = conditions.find((condition) => condition.type === next.type)
  if (current !== undefined && current.status === next.status && current.reason === next.reason) return [...conditions]
  const { type, status, ...why } = next
  const lastTransitionTime = current?.status === status ? (current.lastTransitionTime ?? time) : time
  const times = fields.lastUpdateTime ? { lastUpdateTime: time, lastTransitionTime } : { lastTransitionTime }
  return [...withoutCondition(conditions, type), { type, status, ...times, ...why }]
}

export const withoutCondition = (conditions: readonly Condition[], type: string): Condition[] =>
  conditions.filter((condition) => condition.type !== type)

/** Conditions with one put in its place, as kubelet, scheduler and node controller do it: the time of transition stays while the status does. */
export function putCondition(conditions: readonly Condition[], next: Condition, time: string): Condition[] {
  const current = conditions.find((condition) => condition.type === next.type)
  const lastTransitionTime = current?.status === next.status ? (current.lastTransitionTime ?? time) : time
  const put = { ...next, lastTransitionTime }
  return current === undefined
    ? [...conditions, put]
    : conditions.map((condition) => (condition === current ? put : condition))
}
