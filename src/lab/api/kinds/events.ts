import { mapOf, textOf } from '../access.ts'
import * as columns from '../columns.ts'
import * as core from '../hooks/core.ts'
import type { Kind } from '../kind.ts'
import { at, kind, type Named } from './define.ts'

const selectors = (about: string, source: string): Kind['fieldSelectors'] => ({
  ...Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => [
      `${about}.${field}`,
      at('involvedObject', field),
    ]),
  ),
  reason: at('reason'),
  type: at('type'),
  [source]: (event) => textOf(mapOf(event['source'])['component']) || textOf(event['reportingComponent']),
})

const event = {
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  createOnUpdate: true,
  columns: columns.eventColumns,
  defaults: core.defaultEvent,
  validate: core.eventErrors,
} satisfies Named

/** Events of core/v1. */
export const coreEvents = kind({ ...event, fieldSelectors: selectors('involvedObject', 'source') })

/** The same Events, as events.k8s.io names their fields. */
export const eventsKinds: readonly Kind[] = [
  kind({
    ...event,
    group: 'events.k8s.io',
    fieldSelectors: selectors('regarding', 'reportingController'),
    view: { stored: 'events', fromStored: core.eventToNew, toStored: core.eventToCore },
  }),
]
