import { portionOf } from '../deployment/rolling.ts'
import type { DaemonSet, DaemonSetStatus, Node, Pod } from '../kinds.ts'
import { byCreation, isTerminating } from '../objects.ts'
import { isPodAvailable, isPodFinished, isPodReady } from '../pods.ts'
import { hashLabel, nodeOf, verdictOn } from './pod.ts'

export interface DaemonSetView {
  set: DaemonSet
  nodes: readonly Node[]
  /** The pods that the set controls. */
  pods: readonly Pod[]
  /** Hash of the template now: pods that have it are up to date. */
  hash: string
  nowMs: number
}

export interface DaemonSetPlan {
  /** Names of nodes that get a pod. */
  create: string[]
  remove: Pod[]
  /** Those of `remove` that had ended by themselves. */
  ended: Set<Pod>
}

/** What one look at a DaemonSet leads to: a pod for each node that wants one, then a step of its rolling update (kube-controller-manager). */
export function planDaemonSet(view: DaemonSetView): DaemonSetPlan {
  const plan: DaemonSetPlan = { create: [], remove: [], ended: new Set() }
  const byNode = podsByNode(view)
  for (const node of view.nodes) planNode(view, plan, node, byNode.get(node.metadata.name) ?? [])
  if (view.set.spec.updateStrategy?.type === 'OnDelete') return plan
  if (plan.create.length + plan.remove.length > 0) return plan
  if (bounds(view).surge > 0) surge(view, plan, byNode)
  else replace(view, plan, byNode)
  return plan
}

/** The pods of each node, oldest first. Those of nodes that are gone are the garbage collector's. */
function podsByNode({ nodes, pods }: DaemonSetView): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>(nodes.map(({ metadata }) => [metadata.name, []]))
  for (const pod of [...pods].sort(byCreation)) byNode.get(nodeOf(pod) ?? '')?.push(pod)
  return byNode
}

function planNode(view: DaemonSetView, plan: DaemonSetPlan, node: Node, pods: readonly Pod[]): void {
  const { run, stay } = verdictOn(view.set, node)
  const alive = pods.filter((pod) => !isTerminating(pod))
  if (run && pods.length === 0) plan.create.push(node.metadata.name)
  if (!stay) plan.remove.push(...alive)
  if (!stay || (run && pods.length === 0)) return
  const ended = alive.filter(isPodFinished)
  for (const pod of ended) plan.ended.add(pod)
  plan.remove.push(
    ...ended,
    ...surplus(
      view,
      alive.filter((pod) => !isPodFinished(pod)),
    ),
  )
}

/** Of several pods on a node the oldest stays; with surge, the oldest of the new and the oldest of the old ones while the new one starts. */
function surplus(view: DaemonSetView, running: readonly Pod[]): Pod[] {
  if (bounds(view).surge === 0) return running.slice(1)
  const [fresh, old] = [running.filter((pod) => isFresh(view, pod)), running.filter((pod) => !isFresh(view, pod))]
  return [...fresh.slice(1), ...old.slice(1)]
}

const isFresh = ({ hash }: DaemonSetView, { metadata }: Pod): boolean => metadata.labels?.[hashLabel] === hash

const isAvailable = ({ set, nowMs }: DaemonSetView, pod: Pod): boolean =>
  isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)

function bounds(view: DaemonSetView): { surge: number; unavailable: number } {
  const { set, nodes } = view
  const desired = nodes.filter((node) => verdictOn(set, node).run).length
  const { maxSurge = 0, maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const surge = portionOf(maxSurge, desired, Math.ceil)
  const unavailable = portionOf(maxUnavailable, desired, Math.ceil)
  return { surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable }
}

/** A node's pod of the new and of the old template; undefined if there is more than one of either. */
function pairOf(view: DaemonSetView, pods: readonly Pod[]): { fresh?: Pod; old?: Pod } | undefined {
  const alive = pods.filter((pod) => !isTerminating(pod))
  const [fresh, secondFresh] = alive.filter((pod) => isFresh(view, pod))
  const [old, secondOld] = alive.filter((pod) => !isFresh(view, pod))
  if (secondFresh !== undefined || secondOld !== undefined) return undefined
  return { ...(fresh === undefined ? {} : { fresh }), ...(old === undefined ? {} : { old }) }
}

/** Deletes old pods: all that are not available anyway, and others as far as maxUnavailable goes. */
function replace(view: DaemonSetView, plan: DaemonSetPlan, byNode: ReadonlyMap<string, Pod[]>): void {
  let unavailable = 0
  const candidates: Pod[] = []
  for (const pods of byNode.values()) {
    const pair = pairOf(view, pods)
    const { fresh, old } = pair ?? {}
    if (pair === undefined || (fresh === undefined) === (old === undefined)) unavailable++
    else if (fresh !== undefined) unavailable += isAvailable(view, fresh) ? 0 : 1
    else if (old !== undefined && isAvailable(view, old)) candidates.push(old)
    else if (old !== undefined) plan.remove.push(old)
  }
  plan.remove.push(...candidates.slice(0, Math.max(0, bounds(view).unavailable - unavailable)))
}

/** Makes new pods beside old ones as far as maxSurge goes; an old one goes once the new one is available. */
function surge(view: DaemonSetView, plan: DaemonSetPlan, byNode: ReadonlyMap<string, Pod[]>): void {
  let surging = 0
  const candidates: string[] = []
  for (const [nodeName, pods] of byNode) {
    const pair = pairOf(view, pods)
    const { fresh, old } = pair ?? {}
    if (pair === undefined) surging++
    else if (old === undefined) continue
    else if (fresh === undefined && !isAvailable(view, old)) plan.create.push(nodeName)
    else if (fresh === undefined) candidates.push(nodeName)
    else if (isAvailable(view, fresh)) plan.remove.push(old)
    else surging++
  }
  plan.create.push(...candidates.slice(0, Math.max(0, bounds(view).surge - surging)))
}

/** The status, by the oldest pod of each node, whether it terminates or not. */
export function statusOf(view: DaemonSetView): DaemonSetStatus {
  const byNode = podsByNode(view)
  const onNodes = view.nodes.map((node) => {
    const [oldest] = byNode.get(node.metadata.name) ?? []
    return { run: verdictOn(view.set, node).run, oldest }
  })
  const desired = onNodes.filter(({ run }) => run)
  const scheduled = desired.flatMap(({ oldest }) => (oldest === undefined ? [] : [oldest]))
  const available = scheduled.filter((pod) => isAvailable(view, pod)).length
  return {
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: onNodes.filter(({ run, oldest }) => !run && oldest !== undefined).length,
    desiredNumberScheduled: desired.length,
    numberReady: scheduled.filter(isPodReady).length,
    observedGeneration: view.set.metadata.generation ?? 0,
    ...counted('updatedNumberScheduled', scheduled.filter((pod) => isFresh(view, pod)).length),
    ...counted('numberAvailable', available),
    ...counted('numberUnavailable', desired.length - available),
  }
}

const counted = (name: string, count: number): Record<string, number> => (count === 0 ? {} : { [name]: count })
