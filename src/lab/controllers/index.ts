import type { ApiStore } from '../api/types.ts'
import { feedCaches } from './cache.ts'
import { createCaches } from './caches.ts'
import { type Clock, systemClock } from './clock.ts'
import { type ControllerContext, type ControllerSettings, runController } from './controller.ts'
import { daemonSetController } from './daemonset/index.ts'
import { deploymentController } from './deployment/index.ts'
import { disruptionController } from './disruption/index.ts'
import { endpointsController } from './endpoints/index.ts'
import { endpointSliceController } from './endpointslice/index.ts'
import { EventRecorder } from './events.ts'
import { messageOf } from './failure.ts'
import { jobController } from './job/index.ts'
import { mirroringController } from './mirroring/index.ts'
import { namespaceController } from './namespace/index.ts'
import { taintEvictionController } from './node/eviction.ts'
import { nodeGraceMs } from './node/health.ts'
import { nodeController } from './node/index.ts'
import { nodeQuarantineMs, podGarbageController } from './podgc/index.ts'
import type { WorkQueue } from './queue.ts'
import { replicaSetController } from './replicaset/index.ts'
import { schedulerController } from './scheduler/index.ts'
import { statefulSetController } from './statefulset/index.ts'
import { volumeClaimController } from './volumeclaim/index.ts'

export interface ControllersOptions extends Partial<ControllerSettings> {
  /** Told of failures, one line each. */
  log?: (line: string) => void
  /** Stops everything when aborted, as `close` does. */
  signal?: AbortSignal
  clock?: Clock
  /** Uniform in [0, 1), for the jitter of retries. */
  random?: () => number
}

export interface Controllers {
  close(): void
  /** Resolves when nothing is due. What waits for a time to come (retries, deadlines) does not count. */
  idle(): Promise<void>
}

/** Starts the controllers and the scheduler of the embedded API on a store. */
export function startControllers(store: ApiStore, options: ControllersOptions = {}): Controllers {
  const { log = () => {}, signal, clock = systemClock, random } = options
  const caches = createCaches()
  const recorder = new EventRecorder(store, clock, (error) => log(`events: ${messageOf(error)}`))
  const record: ControllerContext['record'] = (source, object, occurrence) =>
    recorder.record(source, object, occurrence)
  const settings: ControllerSettings = { nodeGraceMs, nodeQuarantineMs, clusterCIDRs: [], rootCA: '', ...options }
  const context: ControllerContext = { store, caches, clock, record, settings }
  const idling = waitersFor(() => queues.every((queue) => queue.idle))
  const queues: WorkQueue[] = [
    deploymentController(context),
    replicaSetController(context),
    statefulSetController(context),
    daemonSetController(context),
    jobController(context),
    schedulerController(context),
    endpointSliceController(context),
    endpointsController(context),
    nodeController(context),
    taintEvictionController(context),
    podGarbageController(context),
    mirroringController(context),
    namespaceController(context),
    volumeClaimController(context),
    disruptionController(context),
  ].map((controller) =>
    runController(controller, { clock, log, onIdle: idling.check, ...(random === undefined ? {} : { random }) }),
  )
  const unsubscribe = feedCaches(store, { ...caches })
  const close = (): void => {
    signal?.removeEventListener('abort', close)
    unsubscribe()
    for (const queue of queues) queue.close()
  }
  if (signal?.aborted === true) close()
  else signal?.addEventListener('abort', close, { once: true })
  for (const cache of Object.values(caches)) cache.replay()
  return { close, idle: idling.wait }
}

/** Promises that resolve once a condition holds; `check` is to be called whenever it may have come true. */
function waitersFor(holds: () => boolean): { check: () => void; wait: () => Promise<void> } {
  const waiting = new Set<() => void>()
  return {
    check() {
      if (!holds()) return
      for (const resolve of waiting) resolve()
      waiting.clear()
    },
    wait: () =>
      new Promise((resolve) => {
        if (holds()) resolve()
        else waiting.add(resolve)
      }),
  }
}
