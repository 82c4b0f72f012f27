import type { NewObject } from '../../api/types.ts'
import type { DaemonSet, Node, Pod, Toleration } from '../kinds.ts'
import { controllerReference } from '../objects.ts'
import { isSelected } from '../scheduler/fit.ts'
import { isTolerated } from '../taints.ts'

export const hashLabel = 'controller-revision-hash'
const generationLabel = 'pod-template-generation'
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation'

/** What every pod of a DaemonSet tolerates, so that a node's troubles do not drive it away (apps/v1, DaemonSet). */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
}

function tolerationsOf({ spec }: DaemonSet): Toleration[] {
  const { tolerations = [], hostNetwork } = spec.template.spec
  const added = [...daemonTolerations, ...(hostNetwork === true ? [hostNetworkToleration] : [])]
  const isGiven = (one: Toleration): boolean =>
    tolerations.some(
      ({ key, operator, effect }) => key === one.key && operator === one.operator && effect === one.effect,
    )
  return [...tolerations, ...added.filter((one) => !isGiven(one))]
}

/** Whether a DaemonSet wants a pod on a node, and whether one that is there may stay. */
export function verdictOn(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const { nodeName } = set.spec.template.spec
  const pod = { spec: { ...set.spec.template.spec, tolerations: tolerationsOf(set) } } as Pod
  if ((nodeName && nodeName !== node.metadata.name) || !isSelected(pod, node)) return { run: false, stay: false }
  const repelling = (node.spec?.taints ?? []).filter((taint) => !isTolerated(taint, pod.spec.tolerations))
  const run = repelling.every(({ effect }) => effect === 'PreferNoSchedule')
  return { run, stay: run || repelling.every(({ effect }) => effect !== 'NoExecute') }
}

/** A pod of the set for one node: the scheduler can put it nowhere else. */
export function newPod(set: DaemonSet, nodeName: string, hash: string): NewObject {
  const { metadata = {}, spec } = structuredClone(set.spec.template)
  const generation = set.metadata.annotations?.[templateGenerationAnnotation]
  const pinned = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }]
  const affinity = {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: pinned },
    },
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? 'default',
      labels: {
        ...metadata.labels,
        [hashLabel]: hash,
        ...(generation === undefined ? {} : { [generationLabel]: generation }),
      },
      ownerReferences: [controllerReference(set)],
    },
    spec: { ...spec, affinity, tolerations: tolerationsOf(set) },
  }
}

/** The node that a pod is on, or is meant for while the scheduler has not bound it. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap(({ matchFields = [] }) => matchFields).find(({ key }) => key === 'metadata.name')?.values?.[0]
}
