import type { Deployment, ReplicaSet } from '../kinds.ts'
import {
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  ownAnnotations,
  revisionAnnotation,
  revisionHistoryAnnotation,
} from './names.ts'
import { boundsOf } from './rolling.ts'

type Annotations = Record<string, string>

export const revisionOf = (object: { metadata: { annotations?: Annotations } }): number =>
  Number(object.metadata.annotations?.[revisionAnnotation] ?? 0) || 0

export const nextRevision = (old: readonly ReplicaSet[]): number => Math.max(0, ...old.map(revisionOf)) + 1

/** Sizes written down at each ReplicaSet when it is scaled, so that scaling in the middle of a rollout knows the shares. */
export function sizeAnnotations({ spec }: Deployment): Annotations {
  const { replicas = 1 } = spec
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + boundsOf(spec).maxSurge),
  }
}

/**
 * Annotations of the ReplicaSet that is the current one: the Deployment's own carried over, and the revision, which only ever grows. A
 * ReplicaSet that becomes current again (a rollback) remembers the revisions it had.
 */
export function currentAnnotations(
  deployment: Deployment,
  had: Annotations | undefined,
  revision: number,
): Annotations {
  const carried = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name))
  const annotations = { ...had, ...Object.fromEntries(carried) }
  const before = had?.[revisionAnnotation]
  if ((Number(before) || 0) >= revision) return annotations
  annotations[revisionAnnotation] = String(revision)
  if (before !== undefined) {
    const history = had?.[revisionHistoryAnnotation]
    annotations[revisionHistoryAnnotation] = history ? `${history},${before}` : before
  }
  return annotations
}
