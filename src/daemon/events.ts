import type { ApiClient } from '../kube/client.ts'
import { EventRecorder } from '../kube/events.ts'
import { processTimers } from '../kube/timers.ts'
import type { Refusal } from '../reconcile/types.ts'
import type { Log } from './log.ts'
import { tellRefusals } from './refusal-events.ts'
import type { ObjectOf } from './refusals.ts'

export interface EventsOptions {
  client: ApiClient
  /** Who tells: the program and its instance. */
  component: string
  instance: string
  refusals: () => readonly Refusal[]
  objectOf: ObjectOf
  suffix: string
  log: Log
}

/** Tells refusals as Events until the signal. Whatever goes wrong with that is logged, each kind of failure once, and disturbs nothing. */
export function startEvents(options: EventsOptions, signal: AbortSignal): void {
  const { client, component, instance, log } = options
  const logged = new Set<string>()
  const onError = (error: { code: string; message: string; cause?: unknown; remedy?: string | undefined }): void => {
    const cause = (error.cause as { code?: string } | undefined)?.code ?? error.code
    if (logged.has(cause)) return
    logged.add(cause)
    log('warn', 'Events cannot be written; refusals stand in the status only', {
      error: error.message,
      remedy: error.remedy,
    })
  }
  const recorder = new EventRecorder({ client, component, instance, onError })
  const { refusals, objectOf, suffix } = options
  const telling = tellRefusals({ client, recorder, refusals, objectOf, suffix, timers: processTimers }, signal)
  void telling
    .catch((error: unknown) => log('error', 'refusals are no longer told as Events', { error: String(error) }))
    .finally(() => recorder.close())
}
