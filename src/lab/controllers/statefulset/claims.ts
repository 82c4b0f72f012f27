import type { ControllerContext } from '../controller.ts'
import type { Pod, StatefulSet } from '../kinds.ts'
import { controllerReference } from '../objects.ts'
import { claimsOf, ordinalOf, podName } from './pod.ts'

/** Makes the claims of a pod that are not there yet. They go with the set only if its retention policy says so. */
export function createClaims({ store, record }: ControllerContext, set: StatefulSet, ordinal: number): void {
  const goWithSet = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete'
  for (const claim of claimsOf(set, ordinal)) {
    const { namespace, name = '' } = claim.metadata
    if (store.get('persistentvolumeclaims', namespace, name) !== undefined) continue
    const ownerReferences = goWithSet ? [controllerReference(set)] : []
    store.create('persistentvolumeclaims', { ...claim, metadata: { ...claim.metadata, ownerReferences } })
    const message = `Create Claim ${name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name} success`
    record('statefulset-controller', set, { type: 'Normal', reason: 'SuccessfulCreate', message })
  }
}

/** Before a pod goes by scaling down: where the retention policy says so, its claims go with it. */
export function releaseClaims({ store }: ControllerContext, set: StatefulSet, pod: Pod): void {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return
  for (const { metadata } of claimsOf(set, ordinalOf(set, pod) ?? 0)) {
    const claim = store.get('persistentvolumeclaims', metadata.namespace, metadata.name ?? '')
    if (claim === undefined) continue
    const copy = structuredClone(claim)
    copy.metadata.ownerReferences = [controllerReference(pod)]
    store.update('persistentvolumeclaims', copy)
  }
}
