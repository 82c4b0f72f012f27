import type { ApiStore, KubeObject } from '../api/types.ts'
import type { Caches } from './caches.ts'
import type { Clock } from './clock.ts'
import type { Occurrence } from './events.ts'
import { isConflict, messageOf } from './failure.ts'
import { WorkQueue } from './queue.ts'

/** What every controller works with. */
export interface ControllerContext {
  store: ApiStore
  caches: Caches
  clock: Clock
  /** Writes an Event about the object. */
  record: (source: string, object: KubeObject, occurrence: Occurrence) => void
  settings: ControllerSettings
}

/** What a cluster may be set up with; kube-controller-manager has a flag for each but the last. */
export interface ControllerSettings {
  /** A node whose Lease is older counts as lost. */
  nodeGraceMs: number
  /** How long a Node may be away before its pods are removed. */
  nodeQuarantineMs: number
  /** Where nodes that have no podCIDR get one from, one range a family; none: they get none. */
  clusterCIDRs: readonly string[]
  /** The API's certificate authority (PEM), for the ConfigMap that every namespace has. */
  rootCA: string
  /** Which of the nodes that take a pod it goes to; undefined leaves it to the scheduler. */
  prefer?: (pod: KubeObject, fitting: readonly string[]) => string | undefined
}

/**
 * One control loop: `sync` looks at what is there now and writes what is missing, whatever happened before. It may be called at any time, any
 * number of times.
 */
export interface Controller {
  name: string
  /** Returns the milliseconds after which the key wants another look, if any. May throw; the key is retried. */
  sync: (key: string) => number | undefined
  /** Subscribes to the caches it depends on and tells which keys a change touches. */
  watch: (add: (key: string) => void) => void
}

/** Gives a controller its queue. */
export function runController(
  controller: Controller,
  options: { clock: Clock; log: (line: string) => void; onIdle: () => void; random?: () => number },
): WorkQueue {
  const { log, ...rest } = options
  const queue = new WorkQueue({
    ...rest,
    sync: controller.sync,
    isConflict,
    onError: (key, error, retryInMs) =>
      log(`${controller.name}: ${key}: ${messageOf(error)}; again in ${Math.round(retryInMs)} ms`),
  })
  controller.watch((key) => queue.add(key))
  return queue
}
