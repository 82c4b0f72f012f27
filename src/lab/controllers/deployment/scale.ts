import type { Deployment, ReplicaSet } from '../kinds.ts'
import { byCreation } from '../objects.ts'
import { desiredReplicasAnnotation, maxReplicasAnnotation } from './names.ts'
import { boundsOf, scaleProportionally } from './rolling.ts'

const sizeOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 0

export const totalSpec = (replicaSets: readonly ReplicaSet[]): number =>
  replicaSets.reduce((total, replicaSet) => total + sizeOf(replicaSet), 0)

/**
 * New sizes after the Deployment's replicas changed, without any step of a rollout: all to the only active ReplicaSet (or the newest), else
 * shared out in proportion (kube-controller-manager, Deployment controller, scale).
 *
 * @param old the other ReplicaSets, oldest first
 */
export function rescaled(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): { replicaSet: ReplicaSet; replicas: number }[] {
  const wanted = deployment.spec.replicas ?? 1
  const active = [...(current === undefined ? [] : [current]), ...old].filter((replicaSet) => sizeOf(replicaSet) > 0)
  if (active.length <= 1) {
    const only = active[0] ?? current ?? old.at(-1)
    return only === undefined ? [] : [{ replicaSet: only, replicas: wanted }]
  }
  if (current !== undefined && isSaturated(current, wanted)) {
    return active.filter((replicaSet) => replicaSet !== current).map((replicaSet) => ({ replicaSet, replicas: 0 }))
  }
  return deployment.spec.strategy?.type === 'Recreate' ? [] : shared(deployment, active)
}

/** The current ReplicaSet carries the Deployment alone. */
const isSaturated = ({ spec, status, metadata }: ReplicaSet, wanted: number): boolean =>
  spec.replicas === wanted &&
  Number(metadata.annotations?.[desiredReplicasAnnotation]) === wanted &&
  (status?.availableReplicas ?? 0) === wanted

function shared(deployment: Deployment, active: readonly ReplicaSet[]): { replicaSet: ReplicaSet; replicas: number }[] {
  const { replicas = 1 } = deployment.spec
  const bounds = boundsOf(deployment.spec)
  const newerFirst = replicas + bounds.maxSurge > totalSpec(active) ? -1 : 1
  const sorted = [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || newerFirst * byCreation(a, b))
  const sizes = sorted.map((replicaSet) => ({
    replicas: sizeOf(replicaSet),
    maxReplicas: Number(replicaSet.metadata.annotations?.[maxReplicasAnnotation]) || (deployment.status?.replicas ?? 0),
  }))
  const next = scaleProportionally(replicas, bounds, sizes)
  return sorted.map((replicaSet, index) => ({ replicaSet, replicas: next[index] ?? 0 }))
}
