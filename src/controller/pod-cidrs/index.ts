import type { ApiClient } from '../../kube/client.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import type { Change, Subject } from '../../reconcile/types.ts'
import { NodePodCIDRs } from './apply.ts'
import { allNodes, podCIDRsPart } from './plan.ts'
import type { PodCIDRView } from './view.ts'

export interface PodCIDRsOptions {
  view: PodCIDRView
  client: Pick<ApiClient, 'patch'>
  /** Ends all writes: aborts when this process no longer leads. */
  signal: AbortSignal
  log?: NonNullable<ReconcilerOptions['log']>
}

/** The part, put together: pod CIDRs for the Nodes of the cluster. One writer a cluster: run it by the leader alone. */
export interface PodCIDRs {
  reconciler: Reconciler
  /** Takes what Nodes have, and writes what they lack. Call when the view's list is complete, and was read after this process began to lead. */
  start(): Promise<void>
  /** What start() would change; writes nothing. */
  dryRun(): Promise<Change[]>
  /** Calls back with the Nodes that a change of the view touches; returns the unsubscribe function. */
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
}

export function podCIDRs({ view, client, signal, log }: PodCIDRsOptions): PodCIDRs {
  const target = new NodePodCIDRs(view, client, signal)
  const reconciler = new Reconciler({ part: podCIDRsPart(view), target, ...(log !== undefined && { log }) })
  const assignAll = (): void => void view.ledger.update(view.nodes.entries())
  return {
    reconciler,
    start: async () => {
      assignAll()
      await reconciler.start(allNodes(view))
    },
    dryRun: async () => {
      assignAll()
      await reconciler.plan(allNodes(view), 'dry-run')
      return reconciler.changes()
    },
    follow: (touch) => followNodes(view, touch),
  }
}

/** The ledger first, then the plans. A Node that goes may free a block for others, who are touched with it. */
export function followNodes(view: PodCIDRView, touch: (subjects: Iterable<Subject>) => void): () => void {
  return view.nodes.onChange((changes) => {
    const given = view.ledger.update([...changes].map(([name, { now }]) => [name, now] as const))
    touch(new Set([...changes.keys(), ...given]))
  })
}
