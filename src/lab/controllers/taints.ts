import type { Node, Taint, Toleration } from './kinds.ts'
import { conditionOf } from './pods.ts'

/** Taints that follow from a node's state (k8s.io/api/core/v1, well-known taints). */
const notReadyTaint = 'node.kubernetes.io/not-ready'
const unreachableTaint = 'node.kubernetes.io/unreachable'
export const unschedulableTaint = 'node.kubernetes.io/unschedulable'

/** True if the toleration covers the taint: an empty key with Exists covers all, an empty effect all effects. */
export function tolerates(
  { key = '', operator = 'Equal', value = '', effect = '' }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key === '') return operator === 'Exists'
  return key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''))
}

export const isTolerated = (taint: Taint, tolerations: readonly Toleration[] = []): boolean =>
  tolerations.some((toleration) => tolerates(toleration, taint))

/** The taint that a node's Ready condition stands for; a node that has not said anything yet is not ready either. */
function readinessKey(node: Node): string | undefined {
  const ready = conditionOf(node, 'Ready')
  if (ready?.status === 'True') return undefined
  return ready?.status === 'Unknown' ? unreachableTaint : notReadyTaint
}

/** What keeps pods off the node, whether or not it is written down as a taint yet. */
export function effectiveTaints(node: Node): Taint[] {
  const written = node.spec?.taints ?? []
  const keys = [readinessKey(node), node.spec?.unschedulable === true ? unschedulableTaint : undefined]
  const implied = keys.flatMap((key) => (key === undefined ? [] : [{ key, effect: 'NoSchedule' }]))
  return [
    ...implied,
    ...written.filter((taint) => !implied.some(({ key, effect }) => key === taint.key && effect === taint.effect)),
  ]
}

const managedKeys: ReadonlySet<string> = new Set([notReadyTaint, unreachableTaint, unschedulableTaint])

/**
 * The taints a node should have: those of others as they are, those of its state as the node lifecycle controller sets them. A node that has
 * never said whether it is ready gets none (the real controller takes away the one that admission gave it). Those that evict come and go after
 * the others are right, with a write of their own: a pod may be bound in between.
 */
export function desiredTaints(node: Node, time: string): Taint[] {
  const written = node.spec?.taints ?? []
  const key = conditionOf(node, 'Ready') === undefined ? undefined : readinessKey(node)
  const wanted = [
    ...(node.spec?.unschedulable === true ? [{ key: unschedulableTaint, effect: 'NoSchedule' }] : []),
    ...(key === undefined ? [] : ['NoSchedule', 'NoExecute'].map((effect) => ({ key, effect }))),
  ]
  const isKept = (taint: Taint): boolean => !managedKeys.has(taint.key) || wanted.some((one) => isSameTaint(one, taint))
  const isNew = (taint: Taint): boolean => !written.some((one) => isSameTaint(one, taint))
  const first = [...written.filter((taint) => !isKept(taint)), ...wanted.filter(isNew)]
  const staged = first.some(({ effect }) => effect !== 'NoExecute')
  const kept = written.filter((taint) => isKept(taint) || (staged && taint.effect === 'NoExecute'))
  const added = wanted.filter((taint) => isNew(taint) && !(staged && taint.effect === 'NoExecute'))
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: time }))]
}

const isSameTaint = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect
