import { routeProtocols } from '../../kernel/names.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import { followStore } from '../../kube/store.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import type { Change, Subject } from '../../reconcile/types.ts'
import { NetworkFacts } from '../facts.ts'
import { byPodCIDR, type FabricView } from '../view.ts'
import { HostGatewayRoutes } from './apply.ts'
import { allPeers, hostGatewayPart } from './plan.ts'

export interface HostGatewayOptions {
  view: FabricView
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  log?: NonNullable<ReconcilerOptions['log']>
}

/** The part, put together: routes to the pods of other nodes, in the network namespace that the process runs in. */
export interface HostGateway {
  reconciler: Reconciler
  /** Reads the node's facts and follows them, adopts, plans everything and writes the difference. Call when the view's nodes are synced. */
  start(): Promise<void>
  /** What start() would change; writes nothing. */
  dryRun(): Promise<Change[]>
  /** Calls back with the subjects that a change of the view touches; returns the unsubscribe function. */
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
  /** Stops following the kernel. The routes stay. */
  close(): void
}

/** The kernel takes some 75 µs for a route; no call should hold the event loop for more than 5 ms. */
const chunkChanges = 50

export function hostGateway({ view, namespace, log }: HostGatewayOptions): HostGateway {
  const target = new HostGatewayRoutes(new KernelRouteNetlink(namespace))
  const facts = new NetworkFacts({
    view,
    protocol: routeProtocols.fabric,
    onSuspect: () => target.suspect(),
    ...(namespace !== undefined && { namespace }),
  })
  const reconciler = new Reconciler({
    part: hostGatewayPart(view),
    target,
    chunkChanges,
    ...(log !== undefined && { log }),
  })
  return {
    reconciler,
    start: async () => {
      facts.start()
      await reconciler.start(allPeers(view))
    },
    dryRun: async () => {
      facts.read()
      await reconciler.plan(allPeers(view), 'dry-run')
      return reconciler.changes()
    },
    follow: (touch) => followFabric(view, touch),
    close: () => facts.close(),
  }
}

/** Which peers a change touches: the Node itself and those that want the same pods; this node's own Node and links touch them all. */
export function followFabric(view: FabricView, touch: (subjects: Iterable<Subject>) => void): () => void {
  const stops = [
    followStore(view.nodes, (changes) =>
      touch(changes.has(view.nodeName) ? everyone(view, changes.keys()) : changes.keys()),
    ),
    followStore(view.links, () => touch(allPeers(view))),
    followStore(view.foreignRoutes, (changes) => {
      touch(new Set([...changes.keys()].flatMap((cidr) => view.nodes.keysByIndex(byPodCIDR, cidr))))
    }),
  ]
  return () => stops.forEach((stop) => stop())
}

/** Those that are there, and those that just went. */
const everyone = (view: FabricView, changed: Iterable<Subject>): Set<Subject> =>
  new Set([...changed, ...allPeers(view)])
