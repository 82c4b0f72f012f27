import type { NewObject } from '../../api/types.ts'
import type { Pod, PodTemplate, StatefulSet } from '../kinds.ts'
import { controllerReference } from '../objects.ts'

/** Labels of a StatefulSet's pods (apps/v1). */
const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'
export const revisionLabel = 'controller-revision-hash'

export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`

/** The number in a pod's name, or undefined if the name is none that the set gives. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`
  const number = metadata.name.startsWith(prefix) ? metadata.name.slice(prefix.length) : ''
  return /^(0|[1-9]\d*)$/.test(number) ? Number(number) : undefined
}

/** A pod of the set as a revision's template says, with its name, host name and claims. */
export function newPod(set: StatefulSet, template: PodTemplate, revision: string, ordinal: number): NewObject {
  const name = podName(set, ordinal)
  const { metadata = {}, spec } = structuredClone(template)
  const labels = {
    ...metadata.labels,
    [revisionLabel]: revision,
    [podNameLabel]: name,
    [podIndexLabel]: String(ordinal),
  }
  const { name: _name, namespace: _namespace, ...carried } = metadata as NewObject['metadata']
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...carried,
      name,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? 'default',
      labels,
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...volumesOf(set, spec.volumes ?? [], ordinal),
    },
  }
}

/** Each claim template is a volume of its name, in the place of one that the template has. */
function volumesOf(set: StatefulSet, given: NonNullable<Pod['spec']['volumes']>, ordinal: number): object {
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name ?? '')
  const mounted = claims.map((claim) => ({
    name: claim,
    persistentVolumeClaim: { claimName: claimName(set, claim, ordinal) },
  }))
  const others = given.filter(({ name }) => !claims.includes(name))
  return mounted.length + others.length > 0 ? { volumes: [...mounted, ...others] } : {}
}

const claimName = (set: StatefulSet, claim: string, ordinal: number): string => `${claim}-${podName(set, ordinal)}`

/** The claims that a pod of the set needs, one a template. They stay when the pod goes. */
export function claimsOf(set: StatefulSet, ordinal: number): NewObject[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { metadata, spec } = structuredClone(template)
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
        name: claimName(set, metadata.name ?? '', ordinal),
        namespace: set.metadata.namespace ?? 'default',
        labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      },
      spec,
    }
  })
}
