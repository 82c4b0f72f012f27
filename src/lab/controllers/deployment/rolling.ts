import type { DeploymentSpec } from '../kinds.ts'

/** How a rolling update is bounded, in pods. */
export interface Bounds {
  maxSurge: number
  maxUnavailable: number
}

/** `25%` of a total, or a plain number of pods. Anything else counts as 0. */
export function portionOf(value: number | string | undefined, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value ?? '')?.[1]
  if (percent !== undefined) return round((Number(percent) * total) / 100)
  return /^\d+$/.test(value ?? '') ? Number(value) : 0
}

/**
 * Surge is rounded up, unavailability down; as both 0 would never get anywhere, one pod may then be missing. Recreate has neither
 * (kube-controller-manager, ResolveFenceposts).
 */
export function boundsOf(spec: DeploymentSpec): Bounds {
  const { replicas = 1, strategy } = spec
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 }
  const { maxSurge: surge = '25%', maxUnavailable: unavailable = '25%' } = strategy?.rollingUpdate ?? {}
  const maxSurge = portionOf(surge, replicas, Math.ceil)
  const maxUnavailable = portionOf(unavailable, replicas, Math.floor)
  return { maxSurge, maxUnavailable: Math.min(replicas, maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable) }
}

/** One ReplicaSet as far as the arithmetic goes. */
export interface Size {
  /** spec.replicas */
  replicas: number
  /** status.availableReplicas */
  available: number
}

const sum = (sizes: readonly Size[], of: (size: Size) => number): number =>
  sizes.reduce((total, size) => total + of(size), 0)
export const totalReplicas = (sizes: readonly Size[]): number => sum(sizes, (size) => size.replicas)
const totalAvailable = (sizes: readonly Size[]): number => sum(sizes, (size) => size.available)

/** The new ReplicaSet's next size: up as far as the surge allows, or down to what is wanted at once. */
export function nextNewReplicas(wanted: number, bounds: Bounds, newReplicas: number, oldReplicas: number): number {
  if (newReplicas >= wanted) return wanted
  const room = wanted + bounds.maxSurge - newReplicas - oldReplicas
  return room <= 0 ? newReplicas : newReplicas + Math.min(room, wanted - newReplicas)
}

/**
 * The old ReplicaSets' next sizes, in the order given (oldest first): first pods that are not available anyway, then available ones as far as
 * enough remain (kube-controller-manager, reconcileOldReplicaSets).
 */
export function nextOldReplicas(wanted: number, bounds: Bounds, newSize: Size, old: readonly Size[]): number[] {
  const minAvailable = wanted - bounds.maxUnavailable
  const newUnavailable = newSize.replicas - newSize.available
  const removable = totalReplicas([...old, newSize]) - minAvailable - newUnavailable
  if (removable <= 0) return old.map((size) => size.replicas)
  const healthy = takeAway(old, removable, (size) => size.replicas - Math.min(size.available, size.replicas))
  const left = old.map((size, index) => ({ ...size, replicas: healthy[index] ?? 0 }))
  return takeAway(left, totalAvailable([...old, newSize]) - minAvailable, (size) => size.replicas)
}

/** Takes up to `total` pods from the sizes in turn, from each at most what `spare` says. */
function takeAway(sizes: readonly Size[], total: number, spare: (size: Size) => number): number[] {
  let left = Math.max(0, total)
  return sizes.map((size) => {
    const taken = Math.min(left, spare(size))
    left -= taken
    return size.replicas - taken
  })
}

/** A ReplicaSet in the middle of a rollout whose Deployment is scaled. */
export interface ScaledSize {
  replicas: number
  /** The most pods the Deployment was allowed when this size was set (annotation deployment.kubernetes.io/max-replicas). */
  maxReplicas: number
}

/**
 * New sizes for active ReplicaSets when a Deployment is scaled during its rollout: each keeps its share, the first takes what rounding leaves
 * over. Give the larger ones first.
 */
export function scaleProportionally(wanted: number, bounds: Bounds, sizes: readonly ScaledSize[]): number[] {
  const allowed = wanted > 0 ? wanted + bounds.maxSurge : 0
  let toAdd = allowed - sizes.reduce((total, size) => total + size.replicas, 0)
  const next = sizes.map(({ replicas, maxReplicas }) => {
    const share = wanted === 0 ? -replicas : Math.round((replicas * allowed) / Math.max(1, maxReplicas)) - replicas
    const added = toAdd > 0 ? Math.max(0, Math.min(share, toAdd)) : Math.min(0, Math.max(share, toAdd))
    toAdd -= added
    return replicas + added
  })
  return next.map((replicas, index) => (index === 0 ? Math.max(0, replicas + toAdd) : replicas))
}
