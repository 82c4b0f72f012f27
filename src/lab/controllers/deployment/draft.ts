import type { NewObject } from '../../api/types.ts'
import type { Deployment, ReplicaSet } from '../kinds.ts'
import { controllerReference } from '../objects.ts'
import { templateHashLabel } from './names.ts'
import { templateHash } from './template.ts'

/** A copy whose size, annotations and minReadySeconds may be changed. */
export const draftOf = (replicaSet: ReplicaSet): ReplicaSet => ({
  ...replicaSet,
  metadata: { ...replicaSet.metadata },
  spec: { ...replicaSet.spec },
})

/** Without what only the store can give. */
export function asNew(replicaSet: ReplicaSet): NewObject {
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...metadata } = replicaSet.metadata
  return { ...replicaSet, metadata }
}

/** The ReplicaSet for a Deployment's template, named after the template's hash; what the store gives (uid, version) is still empty. */
export function newReplicaSet(deployment: Deployment, collisionCount: number): ReplicaSet {
  const { template, selector, minReadySeconds } = structuredClone(deployment.spec)
  const hash = templateHash(template, collisionCount)
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? 'default',
      labels,
      ownerReferences: [controllerReference(deployment)],
      uid: '',
      resourceVersion: '',
      creationTimestamp: '',
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}
