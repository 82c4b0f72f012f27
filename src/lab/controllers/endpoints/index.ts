import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { selectedPods, selectsPods, watchServices } from '../endpointslice/services.ts'
import { TriggerTimes, withTrigger } from '../endpointslice/trigger.ts'
import type { EndpointSubset, Endpoints, Service } from '../kinds.ts'
import { isTerminating, joinKey, keyOf, splitKey } from '../objects.ts'
import { isOverCapacity, subsetsOf } from './subsets.ts'

const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const headlessLabel = 'service.kubernetes.io/headless'
const overCapacity = 'endpoints.kubernetes.io/over-capacity'

/** A Service with more pods is looked at once in a while only: nothing of ours reads Endpoints, and each look costs all addresses. */
const manyPods = 100
const manyPodsDelayMs = 1000

/** Keeps the Endpoints object (core/v1) of each Service that selects pods, for those who still read it. */
export function endpointsController(context: ControllerContext): Controller {
  const { caches } = context
  const triggers = new TriggerTimes()
  const nextMs = new Map<string, number>()
  return {
    name: 'endpoint-controller',
    watch(add) {
      watchServices(context, add)
      caches.endpoints.onChange(({ now, before }) => {
        const either = now ?? before
        if (either?.metadata.labels?.[managedByLabel] !== undefined) add(keyOf(either))
      })
    },
    sync(key) {
      const service = caches.services.get(key)
      if (service === undefined) {
        triggers.forget(key)
        nextMs.delete(key)
        return removeEndpoints(context, key)
      }
      if (!selectsPods(service) || isTerminating(service)) return undefined
      return syncEndpoints(context, key, service, triggers, nextMs)
    },
  }
}

function removeEndpoints({ caches, store }: ControllerContext, key: string): undefined {
  const { namespace, name } = splitKey(key)
  if (caches.endpoints.get(key) !== undefined) store.remove('endpoints', namespace, name)
}

function syncEndpoints(
  context: ControllerContext,
  key: string,
  service: Service,
  triggers: TriggerTimes,
  nextMs: Map<string, number>,
): number | undefined {
  const pods = selectedPods(context, service)
  const nowMs = context.clock.now()
  if (pods.length > manyPods) {
    const waitMs = (nextMs.get(key) ?? nowMs) - nowMs
    if (waitMs > 0) return waitMs
    nextMs.set(key, nowMs + manyPodsDelayMs)
  }
  const trigger = triggers.look(key, service, pods)
  const truncated = isOverCapacity(service, pods)
  writeEndpoints(context, service, subsetsOf(service, pods), {
    ...trigger,
    ...(truncated ? { [overCapacity]: 'truncated' } : {}),
  })
  return undefined
}

function writeEndpoints(
  { caches, store }: ControllerContext,
  service: Service,
  subsets: EndpointSubset[],
  annotations: Record<string, string>,
): void {
  const { namespace, name } = service.metadata
  const before: Endpoints | undefined = caches.endpoints.get(joinKey(namespace, name))
  const labels = labelsOf(service)
  const content = subsets.length > 0 ? { subsets } : {}
  if (before === undefined) {
    const metadata = { name, namespace: namespace ?? 'default', labels, ...withTrigger({}, annotations) }
    store.create('endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata, ...content })
    return
  }
  const { [overCapacity]: capacity, ...others } = before.metadata.annotations ?? {}
  const fits = capacity === annotations[overCapacity]
  if (fits && same(before.subsets ?? [], subsets) && same(before.metadata.labels ?? {}, labels)) return
  const { annotations: _annotations, ...kept } = before.metadata
  const metadata = { ...kept, labels, ...withTrigger(others, annotations) }
  store.update('endpoints', structuredClone({ apiVersion: 'v1', kind: 'Endpoints', metadata, ...content }))
}

function labelsOf({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _headless, ...carried } = metadata.labels ?? {}
  const headless = spec.clusterIP === 'None'
  return { ...carried, ...(headless ? { [headlessLabel]: '' } : {}), [managedByLabel]: 'endpoint-controller' }
}
