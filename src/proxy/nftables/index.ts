import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { followStore } from '../../kube/store.ts'
import type { Family } from '../../model/ip.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import type { Change, Subject } from '../../reconcile/types.ts'
import { isServing, stoppedServing } from '../serving.ts'
import { allSubjects, followView } from '../subjects.ts'
import type { ServiceView } from '../view.ts'
import { ServiceTable } from './apply.ts'
import { forgetting } from './effects.ts'
import { nftablesPart } from './plan.ts'

export { followView } from '../subjects.ts'

export interface NftablesProxyOptions {
  view: ServiceView
  family: Family
  /** uid of the namespace kube-system. */
  clusterUid: string
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  /** The table belongs to this process where the kernel can: see ServiceTableOptions. */
  tableOwner?: boolean
  log?: NonNullable<ReconcilerOptions['log']>
}

/** What a foreign flush does to connections that are established, by what holds them. */
const flushText = {
  'owned-table': 'anchored',
  'iptables-legacy': 'anchored',
  owned: 'nothing',
  none: 'stops-them',
} as const

/** The part, put together: Services of this node and one family in the nftables of the network namespace that the process runs in. */
export interface NftablesProxy {
  reconciler: Reconciler
  /** Adopts, plans everything and writes the difference. Call when the view's stores are synced. */
  start(): Promise<void>
  /** What start() would change; writes nothing. */
  dryRun(): Promise<Change[]>
  /** Calls back with the subjects that a change of the view touches; returns the unsubscribe function. */
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
  /** `foreignFlush`: what one does to established connections; `flowsForgotten`: UDP flows that effects and sweeps ended. */
  details(): { foreignFlush: string; flowsForgotten: number }
  /** Leaves the table to the next agent, as the end of the process does. */
  close(): void
}

export function nftablesProxy(options: NftablesProxyOptions): NftablesProxy {
  const { view, family, clusterUid, namespace, tableOwner = false, log } = options
  const target = new ServiceTable(clusterUid, family, {
    owner: tableOwner,
    isServing: ({ original, reply }) =>
      isServing(view, family, 'UDP', {
        destination: original.destination,
        destinationPort: original.destinationPort,
        endpoint: reply.source,
        endpointPort: reply.sourcePort,
      }),
    ...(namespace !== undefined && { namespace }),
  })
  const reconciler = new Reconciler({ part: nftablesPart(view, family), target, ...(log === undefined ? {} : { log }) })
  return {
    reconciler,
    start: () => reconciler.start(allSubjects(view)),
    dryRun: async () => {
      target.peek()
      await reconciler.plan(allSubjects(view), 'dry-run')
      return reconciler.changes()
    },
    follow: (touch) => {
      // Before it is touched: what follows from a change is looked at when that has been written.
      const stopForgetting = followStore(view.slices, (changes) => {
        for (const at of stoppedServing(changes, family, 'UDP')) {
          reconciler.addEffects([forgetting({ select: 'from', protocol: 'udp', at })])
        }
      })
      const stopFollowing = followView(view, family, touch)
      return () => {
        stopForgetting()
        stopFollowing()
      }
    },
    details: () => ({ foreignFlush: flushText[target.protection], flowsForgotten: target.flowsForgotten }),
    close: () => target.close(),
  }
}
