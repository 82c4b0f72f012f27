import type { ApiStore } from '../api/types.ts'
import { createCaches } from './caches.ts'
import { feedCaches } from './cache.ts'
import { systemClock, type Clock } from './clock.ts'
import { runController, type ControllerContext } from './controller.ts'
import { deploymentController } from './deployment/index.ts'
import { endpointSliceController } from './endpointslice/index.ts'
import { EventRecorder } from './events.ts'
import { messageOf } from './failure.ts'
import { nodeController } from './node/index.ts'
import { podGarbageController } from './podgc/index.ts'
import type { WorkQueue } from './queue.ts'
import { replicaSetController } from './replicaset/index.ts'
import { schedulerController } from './scheduler/index.ts'

export interface ControllersOptions {
  /** Told of failures, one line each. */
  log?: (line: string) => void
  /** Stops everything when aborted, as `close` does. */
  signal?: AbortSignal
  /** Milliseconds since the epoch. */
  now?: () => number
  /** Timers as well as time; takes the place of `now`. */
  clock?: Clock
  /** Uniform in [0, 1), for the jitter of retries. */
  random?: () => number
  /** How long a Node may be away before its pods are removed. */
  nodeQuarantineMs?: number
}

export interface Controllers {
  close(): void
  /** Resolves when nothing is due. What waits for a time to come (retries, deadlines) does not count. */
  idle(): Promise<void>
}

/** Starts the controllers and the scheduler of the embedded API on a store. */
export function startControllers(store: ApiStore, options: ControllersOptions = {}): Controllers {
  const { log = () => {}, signal, clock = systemClock(options.now), random } = options
  const caches = createCaches()
  const recorder = new EventRecorder(store, clock, (error) => log(`events: ${messageOf(error)}`))
  const record: ControllerContext['record'] = (source, object, occurrence) =>
    recorder.record(source, object, occurrence)
  const context: ControllerContext = { store, caches, clock, record }
  const idling = waitersFor(() => queues.every((queue) => queue.idle))
  const queues: WorkQueue[] = [
    deploymentController(context),
    replicaSetController(context),
    schedulerController(context),
    endpointSliceController(context),
    nodeController(context),
    podGarbageController(context, options.nodeQuarantineMs),
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
