import { same } from '../canonical.ts'
import { apiTime } from '../clock.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import type { Condition, Lease, Node, Pod, Taint } from '../kinds.ts'
import { isTerminating, joinKey, timeOf } from '../objects.ts'
import { conditionOf, isPodReady } from '../pods.ts'
import { desiredTaints } from '../taints.ts'
import {
  isDeclaredLost,
  lostConditions,
  wasMadeUnready,
  nodeGraceMs,
  recoveredConditions,
  withReadiness,
} from './health.ts'

const source = 'node-controller'

/** Where kubelets renew their Leases. */
const leaseNamespace = 'kube-node-lease'

/** The last sign of life of a node. */
interface Sign {
  /** The Lease's identity and time as it was renewed: compared, not believed, as clocks differ. */
  token: string
  /** When that was first seen here. */
  atMs: number
}

/**
 * Declares nodes lost whose Lease is not renewed, and their pods not Ready; takes both back when the node is heard of again. Keeps the taints
 * that follow from a node's state. A node that never had a Lease is nobody's to watch.
 */
export function nodeController(context: ControllerContext): Controller {
  const { caches } = context
  const signs = new Map<string, Sign>()
  /** The conditions of lost nodes as they were before. */
  const losses = new Map<string, Condition[]>()
  return {
    name: source,
    watch(add) {
      caches.nodes.onChange(({ now, before }) => {
        if (now !== undefined) return add(now.metadata.name)
        if (before === undefined) return
        signs.delete(before.metadata.name)
        losses.delete(before.metadata.name)
      })
      caches.leases.onChange(({ now, before }) => {
        const { namespace, name } = ((now ?? before) as Lease).metadata
        if (namespace === leaseNamespace) add(name)
      })
    },
    sync(name) {
      const node = caches.nodes.get(name)
      return node === undefined ? undefined : syncNode(context, node, signs, losses)
    },
  }
}

function syncNode(
  context: ControllerContext,
  node: Node,
  signs: Map<string, Sign>,
  losses: Map<string, Condition[]>,
): number | undefined {
  const { name } = node.metadata
  const leftMs = timeLeft(context, node, signs)
  if (leftMs !== undefined && leftMs <= 0) declareLost(context, node, losses)
  else if (leftMs !== undefined && isDeclaredLost(node)) recover(context, node, losses.get(name))
  if (leftMs !== undefined && leftMs > 0) losses.delete(name)
  writeTaints(context, name)
  return leftMs !== undefined && leftMs > 0 ? leftMs : undefined
}

/** Milliseconds until the node counts as lost; undefined for a node that never had a Lease. */
function timeLeft({ caches, clock }: ControllerContext, node: Node, signs: Map<string, Sign>): number | undefined {
  const { name } = node.metadata
  const lease = caches.leases.get(joinKey(leaseNamespace, name))
  const nowMs = clock.now()
  const before = signs.get(name)
  const token = `${lease?.metadata.uid} ${lease?.spec?.renewTime}`
  if (lease !== undefined && before?.token !== token) {
    // A Lease that is seen for the first time is no news of a node that was lost before.
    const isNews = before !== undefined || !isDeclaredLost(node)
    signs.set(name, { token, atMs: isNews ? nowMs : timeOf(lease.spec?.renewTime) })
  }
  const sign = signs.get(name)
  return sign === undefined ? undefined : sign.atMs + nodeGraceMs - nowMs
}

function declareLost(context: ControllerContext, node: Node, losses: Map<string, Condition[]>): void {
  const { store, caches, clock, record } = context
  const time = apiTime(clock.now())
  const { name } = node.metadata
  if (!isDeclaredLost(node)) {
    losses.set(name, structuredClone(node.status?.conditions ?? []))
    const status = { ...structuredClone(node.status), conditions: lostConditions(node, time) }
    store.updateStatus('nodes', { ...structuredClone(node), status })
    record(source, node, {
      type: 'Normal',
      reason: 'NodeNotReady',
      message: `Node ${name} status is now: NodeNotReady`,
    })
  }
  for (const pod of caches.pods.indexed('node', name)) {
    if (!isPodReady(pod)) continue
    writeReadiness(context, pod, 'False', time)
    record(source, pod, { type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' })
  }
}

function recover(context: ControllerContext, node: Node, before: readonly Condition[] = []): void {
  const { store, caches, clock } = context
  const time = apiTime(clock.now())
  const conditions = recoveredConditions(node, before, time)
  store.updateStatus('nodes', { ...structuredClone(node), status: { ...structuredClone(node.status), conditions } })
  if (conditionOf({ status: { conditions } }, 'Ready')?.status !== 'True') return
  for (const pod of caches.pods.indexed('node', node.metadata.name)) {
    if (!isTerminating(pod) && wasMadeUnready(pod)) writeReadiness(context, pod, 'True', time)
  }
}

function writeReadiness({ store }: ControllerContext, pod: Pod, status: 'True' | 'False', time: string): void {
  const conditions = withReadiness(pod, status, time)
  store.updateStatus('pods', { ...structuredClone(pod), status: { ...structuredClone(pod.status), conditions } })
}

function writeTaints({ store, caches, clock }: ControllerContext, name: string): void {
  const node = caches.nodes.get(name)
  if (node === undefined) return
  const before = node.spec?.taints ?? []
  const taints: Taint[] = desiredTaints(node, apiTime(clock.now()))
  if (same(taints, before)) return
  const { taints: _taints, ...spec } = structuredClone(node.spec ?? {})
  store.update('nodes', { ...structuredClone(node), spec: taints.length > 0 ? { ...spec, taints } : spec })
}
