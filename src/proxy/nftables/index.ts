import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import type { Change, Subject } from '../../reconcile/types.ts'
import type { ServiceView } from '../view.ts'
import { ServiceTable } from './apply.ts'
import { allSubjects, apiService, nftablesPart, nodeSubject, serviceCIDRSubject, subjectsOf } from './plan.ts'

export interface NftablesProxyOptions {
  view: ServiceView
  /** uid of the namespace kube-system. */
  clusterUid: string
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  log?: NonNullable<ReconcilerOptions['log']>
}

/** The part, put together: Services of this node in the nftables of the network namespace that the process runs in. */
export interface NftablesProxy {
  reconciler: Reconciler
  /** Adopts, plans everything and writes the difference. Call when the view's stores are synced. */
  start(): Promise<void>
  /** What start() would change; writes nothing. */
  dryRun(): Promise<Change[]>
  /** Calls back with the subjects that a change of the view touches; returns the unsubscribe function. */
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
}

export function nftablesProxy({ view, clusterUid, namespace, log }: NftablesProxyOptions): NftablesProxy {
  const target = new ServiceTable(clusterUid, namespace)
  const reconciler = new Reconciler({ part: nftablesPart(view), target, ...(log === undefined ? {} : { log }) })
  return {
    reconciler,
    start: () => reconciler.start(allSubjects(view)),
    dryRun: async () => {
      target.peek()
      await reconciler.plan(allSubjects(view), 'dry-run')
      return reconciler.changes()
    },
    follow: (touch) => followView(view, touch),
  }
}

/** Which subjects a change touches: its Service's ports; a node's addresses touch them all, as they decide what may be taken. */
export function followView(view: ServiceView, touch: (subjects: Iterable<Subject>) => void): () => void {
  const stops = [
    view.services.onChange((changes) => {
      const subjects = new Set<Subject>()
      if (changes.has(apiService)) subjects.add(serviceCIDRSubject)
      for (const [key, { old, now }] of changes) {
        for (const subject of subjectsOf(key, old)) subjects.add(subject)
        for (const subject of subjectsOf(key, now)) subjects.add(subject)
      }
      touch(subjects)
    }),
    view.slices.onChange((changes) => {
      const subjects = new Set<Subject>()
      for (const { old, now } of changes.values()) {
        for (const slice of [old, now]) {
          if (slice === undefined) continue
          const key = `${slice.namespace}/${slice.service}`
          for (const subject of subjectsOf(key, view.services.get(key))) subjects.add(subject)
        }
      }
      touch(subjects)
    }),
    view.nodes.onChange((changes) => {
      const addressesMoved = [...changes.values()].some(
        ({ old, now }) => old?.addresses.join() !== now?.addresses.join(),
      )
      if (addressesMoved) touch(new Set([nodeSubject, ...allSubjects(view)]))
    }),
  ]
  return () => stops.forEach((stop) => stop())
}
