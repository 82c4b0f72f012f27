import { putCondition } from '../conditions.ts'
import type { Condition, Node, Pod } from '../kinds.ts'
import { conditionOf } from '../pods.ts'

/** A node whose Lease is older counts as lost (kube-controller-manager, --node-monitor-grace-period; 50 s since Kubernetes 1.32). */
export const nodeGraceMs = 50_000

const lostReason = 'NodeStatusUnknown'
const neverReason = 'NodeStatusNeverUpdated'
/** Conditions that only the kubelet knows about. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** A lost node's conditions: unknown, all of them. */
export function lostConditions(node: Node, time: string): Condition[] {
  return kubeletConditions.reduce<Condition[]>((conditions, type) => {
    const current = conditions.find((condition) => condition.type === type)
    if (current?.status === 'Unknown') return conditions
    return putCondition(conditions, unknown(type, current, time), time)
  }, node.status?.conditions ?? [])
}

const unknown = (type: string, current: Condition | undefined, time: string): Condition => ({
  ...current,
  lastHeartbeatTime: current?.lastHeartbeatTime ?? time,
  type,
  status: 'Unknown',
  reason: current === undefined ? neverReason : lostReason,
  message: current === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
})

/** True if the node was declared lost here, and has not said otherwise since. */
export function isDeclaredLost(node: Node): boolean {
  const ready = conditionOf(node, 'Ready')
  return ready?.status === 'Unknown' && (ready.reason === lostReason || ready.reason === neverReason)
}

const fine: Condition = {
  type: 'Ready',
  status: 'True',
  reason: 'KubeletReady',
  message: 'kubelet is posting ready status',
}

/**
 * Conditions of a node that is heard of again: as they were before it was lost, as far as that is remembered, else Ready. (A real kubelet posts
 * its status anew; one that only renews its Lease is believed to be what it was.)
 */
export function recoveredConditions(node: Node, before: readonly Condition[], time: string): Condition[] {
  const known = before.some(({ type }) => type === 'Ready') ? before : [...before, fine]
  return (node.status?.conditions ?? []).flatMap((condition) => {
    if (condition.status !== 'Unknown' || !kubeletConditions.includes(condition.type)) return [condition]
    const previous = known.find(({ type }) => type === condition.type)
    if (previous === undefined) return []
    return [{ ...previous, lastHeartbeatTime: time, lastTransitionTime: time }]
  })
}

/** Sets a pod's Ready condition, leaving the rest of its status to its kubelet. */
export const withReadiness = (pod: Pod, status: 'True' | 'False', time: string): Condition[] =>
  putCondition(pod.status?.conditions ?? [], { ...conditionOf(pod, 'Ready'), type: 'Ready', status }, time)

/** Only a lost node makes a pod not Ready whose containers are, by the kubelet's last word, and that waits for no gate. */
export const wasMadeUnready = (pod: Pod): boolean =>
  conditionOf(pod, 'Ready')?.status === 'False' &&
  conditionOf(pod, 'ContainersReady')?.status === 'True' &&
  (pod.spec.readinessGates ?? []).length === 0
