import { apiTime } from '../../../kube/times.ts'
import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import type { Condition, Lease, Node, Pod, Taint } from '../kinds.ts'
import { isTerminating, joinKey, timeOf } from '../objects.ts'
import { conditionOf, isPodReady } from '../pods.ts'
import { desiredTaints } from '../taints.ts'
import { isDeclaredLost, lostConditions, recoveredConditions, wasMadeUnready, withReadiness } from './health.ts'
import { freePodCIDRs, joinedMetadata } from './joining.ts'

const source = 'node-controller'

/** Where kubelets renew their Leases. */
const leaseNamespace = 'kube-node-lease'

/** Between a node's taints against scheduling and those that evict. */
const nextTaintMs = 100

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
  /** Until when the taints of a node wait that evict. */
  const held = new Map<string, number>()
  return {
    name: source,
    watch(add) {
      caches.nodes.onChange(({ now, before }) => {
        if (now !== undefined) return add(now.metadata.name)
        if (before === undefined) return
        signs.delete(before.metadata.name)
        held.delete(before.metadata.name)
        losses.delete(before.metadata.name)
      })
      caches.leases.onChange(({ now, before }) => {
        const { namespace, name } = ((now ?? before) as Lease).metadata
        if (namespace === leaseNamespace) add(name)
      })
    },
    sync(name) {
      const node = caches.nodes.get(name)
      return node === undefined ? undefined : syncNode(context, node, signs, losses, held)
    },
  }
}

function syncNode(
  context: ControllerContext,
  node: Node,
  signs: Map<string, Sign>,
  losses: Map<string, Condition[]>,
  held: Map<string, number>,
): number | undefined {
  const { name } = node.metadata
  const leftMs = timeLeft(context, node, signs)
  if (leftMs !== undefined && leftMs <= 0) declareLost(context, node, losses)
  else if (leftMs !== undefined && isDeclaredLost(node)) recover(context, node, losses.get(name))
  if (leftMs !== undefined && leftMs > 0) losses.delete(name)
  const nextMs = heldMs(context, name, held) || writeNode(context, name, held)
  const wakeMs = Math.min(nextMs, leftMs !== undefined && leftMs > 0 ? leftMs : Infinity)
  return wakeMs === Infinity ? undefined : wakeMs
}

/** Milliseconds until the node counts as lost; undefined for a node that never had a Lease. */
function timeLeft(
  { caches, clock, settings }: ControllerContext,
  node: Node,
  signs: Map<string, Sign>,
): number | undefined {
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
  return sign === undefined ? undefined : sign.atMs + settings.nodeGraceMs - nowMs
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

/** Milliseconds for which the node's taints stay as they are, so that pods can be bound before those that evict come or go. */
const heldMs = ({ clock }: ControllerContext, name: string, held: ReadonlyMap<string, number>): number =>
  Math.max(0, (held.get(name) ?? 0) - clock.now())

/**
 * Writes what follows from a node's state and from its joining: taints, old labels, its share of the pod network. Returns after how many
 * milliseconds there is more to write.
 */
function writeNode(
  { store, caches, clock, settings }: ControllerContext,
  name: string,
  held: Map<string, number>,
): number {
  const node = caches.nodes.get(name)
  held.delete(name)
  if (node === undefined || isTerminating(node)) return Infinity
  const { taints: _taints, ...spec } = structuredClone(node.spec ?? {})
  const taints: Taint[] = desiredTaints(node, apiTime(clock.now()))
  const podCIDRs = spec.podCIDR === undefined ? freePodCIDRs(settings.clusterCIDRs, caches.nodes.values()) : []
  const [podCIDR] = podCIDRs
  const next = {
    ...structuredClone(node),
    metadata: joinedMetadata(structuredClone(node.metadata)),
    spec: {
      ...spec,
      ...(podCIDR === undefined ? {} : { podCIDR, podCIDRs }),
      ...(taints.length > 0 ? { taints } : {}),
    },
  }
  if (same(next.spec, node.spec ?? {}) && same(next.metadata, node.metadata)) return Infinity
  const isLast = same(desiredTaints(next, apiTime(clock.now())), taints)
  if (!isLast) held.set(name, clock.now() + nextTaintMs)
  store.update('nodes', next)
  return isLast ? Infinity : nextTaintMs
}
