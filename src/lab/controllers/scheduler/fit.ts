import type { ContainerPort, Node, NodeSelectorTerm, Pod } from '../kinds.ts'
import { isPodFinished } from '../pods.ts'
import { matchesExpression, matchesLabels } from '../selector.ts'
import { effectiveTaints, isTolerated, unschedulableTaint } from '../taints.ts'

/** Why a pod cannot go to a node, in kube-scheduler's words. */
export type Misfit =
  | 'node(s) were unschedulable'
  | 'node(s) had untolerated taint(s)'
  | "node(s) didn't match Pod's node affinity/selector"
  | "node(s) didn't have free ports for the requested pod ports"
  | typeof spreadMisfit

/** Said of a node by `spread.ts`, which has to look at all nodes. */
export const spreadMisfit = "node(s) didn't match pod topology spread constraints"

/**
 * Whether a node takes a pod: cordon, taints, node selector and required node affinity, host ports. A node that is not Ready counts as tainted.
 *
 * @param there the pods on the node; those that are finished hold no ports any more
 */
export function misfitOf(pod: Pod, node: Node, there: Iterable<Pod>): Misfit | undefined {
  const taints = effectiveTaints(node).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
  const repelling = taints.filter((taint) => !isTolerated(taint, pod.spec.tolerations))
  if (repelling.some(({ key }) => key === unschedulableTaint)) return 'node(s) were unschedulable'
  if (repelling.length > 0) return 'node(s) had untolerated taint(s)'
  if (!isSelected(pod, node)) return "node(s) didn't match Pod's node affinity/selector"
  return hasFreePorts(pod, there) ? undefined : "node(s) didn't have free ports for the requested pod ports"
}

/** What is looked at of a pod here: kubelets ask too, of pods that came past the scheduler. */
type PortHolder = { spec: Pick<Pod['spec'], 'containers' | 'initContainers'>; status?: { phase?: string } }

/** Whether no pod of a node that still runs holds a host port that this one asks for. */
export function hasFreePorts(pod: PortHolder, there: Iterable<PortHolder>): boolean {
  const wanted = hostPortsOf(pod)
  if (wanted.length === 0) return true
  for (const other of there) {
    if (isPodFinished(other)) continue
    if (hostPortsOf(other).some((port) => wanted.some((one) => isSamePort(one, port)))) return false
  }
  return true
}

/** The pod's node selector and required node affinity. */
export function isSelected({ spec }: Pod, node: Node): boolean {
  if (!matchesLabels(spec.nodeSelector ?? {}, node.metadata.labels)) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

/** A term without requirements matches nothing (core/v1, NodeSelectorTerm). */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { metadata }: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  return (
    matchExpressions.every((expression) => matchesExpression(expression, metadata.labels)) &&
    matchFields.every((field) => matchesExpression(field, { 'metadata.name': metadata.name }))
  )
}

/** Those of sidecars too, as they stay. */
const hostPortsOf = ({ spec }: PortHolder): ContainerPort[] => {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.filter(({ hostPort }) => (hostPort ?? 0) > 0),
  )
}

const isAnyAddress = (address: string | undefined): boolean =>
  address === undefined || ['', '0.0.0.0', '::'].includes(address)

const isSamePort = (a: ContainerPort, b: ContainerPort): boolean =>
  a.hostPort === b.hostPort &&
  (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP') &&
  (isAnyAddress(a.hostIP) || isAnyAddress(b.hostIP) || a.hostIP === b.hostIP)
