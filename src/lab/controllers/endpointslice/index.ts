import type { NewObject } from '../../api/types.ts'
import { serviceNameLabel } from '../caches.ts'
import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import type { EndpointSlice, Node, Pod, Service } from '../kinds.ts'
import { byCreation, controllerReference, isTerminating, joinKey } from '../objects.ts'
import { addressTypesOf, takesPart } from './endpoint.ts'
import { entryOf } from './memo.ts'
import { type DesiredGroup, planSlices, type SliceContent } from './reconcile.ts'
import { addServices, selectedPods, selectsPods, watchServices } from './services.ts'
import { addTopologyHints, wantsTopology } from './topology.ts'
import { TriggerTimes, withTrigger } from './trigger.ts'

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
const managedBy = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'
const zoneLabel = 'topology.kubernetes.io/zone'

/** Keeps the EndpointSlices of Services that select pods. Slices that others manage are left alone. */
export function endpointSliceController(context: ControllerContext): Controller {
  const { caches } = context
  const triggers = new TriggerTimes()
  return {
    name: 'endpoint-slice-controller',
    watch(add) {
      watchServices(context, add)
      caches.nodes.onChange(({ now, before }) => {
        // A node that goes changes nothing by itself: its pods go before long, and that does.
        if (now === undefined || (before !== undefined && zoneOf(now) === zoneOf(before))) return
        for (const pod of caches.pods.indexed('node', now.metadata.name)) addServices(context, pod, add)
      })
      caches.endpointslices.onChange(({ now, before }) => {
        for (const slice of [now, before]) {
          const service = slice?.metadata.labels?.[serviceNameLabel]
          if (slice !== undefined && service !== undefined && isOurs(slice))
            add(joinKey(slice.metadata.namespace, service))
        }
      })
    },
    sync(key) {
      const service = caches.services.get(key)
      if (service !== undefined && selectsPods(service)) syncService(context, key, service, triggers)
      if (service !== undefined) return undefined
      triggers.forget(key)
      removeSlices(context, ownSlices(context, key))
      return undefined
    },
  }
}

const zoneOf = (node: Node | undefined): string | undefined => node?.metadata.labels?.[zoneLabel]

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[managedByLabel] === managedBy

/** The slices of a Service that this controller manages, oldest first. */
const ownSlices = ({ caches }: ControllerContext, service: string): EndpointSlice[] =>
  caches.endpointslices.indexed('service', service).filter(isOurs).sort(byCreation)

function removeSlices({ store }: ControllerContext, slices: readonly EndpointSlice[]): void {
  for (const { metadata } of slices) {
    if (metadata.deletionTimestamp === undefined) store.remove('endpointslices', metadata.namespace, metadata.name)
  }
}

function syncService(context: ControllerContext, key: string, service: Service, triggers: TriggerTimes): void {
  const slices = ownSlices(context, key).filter((slice) => !isTerminating(slice))
  const addressTypes = addressTypesOf(service)
  removeSlices(
    context,
    slices.filter(({ addressType }) => !addressTypes.includes(addressType)),
  )
  const selected = selectedPods(context, service)
  const trigger = triggers.look(key, service, selected)
  const pods = selected.filter(takesPart)
  for (const addressType of addressTypes) {
    const existing = slices.filter((slice) => slice.addressType === addressType)
    const desired = desiredGroups(context, service, addressType, pods)
    const told = wantsTopology(service)
      ? addTopologyHints(desired, addressType, context.caches.nodes.values())
      : undefined
    if (told !== undefined) context.record('endpoint-slice-controller', service, told)
    syncSlices(context, service, addressType, desired, existing, trigger)
  }
}

/** Pods on a node that does not exist are left out, unless the Service wants all addresses anyway. */
function desiredGroups(
  { caches }: ControllerContext,
  service: Service,
  addressType: string,
  pods: readonly Pod[],
): DesiredGroup[] {
  const groups = new Map<string, DesiredGroup>()
  for (const pod of pods) {
    const node = caches.nodes.get(pod.spec.nodeName ?? '')
    if (node === undefined && pod.spec.nodeName && service.spec.publishNotReadyAddresses !== true) continue
    const { endpoint, ports, portsKey } = entryOf(service, addressType, pod, node)
    if (endpoint === undefined) continue
    const group = groups.get(portsKey)
    if (group === undefined) groups.set(portsKey, { ports, endpoints: [endpoint] })
    else group.endpoints.push(endpoint)
  }
  return [...groups.values()]
}

function syncSlices(
  context: ControllerContext,
  service: Service,
  addressType: string,
  desired: readonly DesiredGroup[],
  existing: readonly EndpointSlice[],
  trigger: Record<string, string>,
): void {
  const { store } = context
  const plan = planSlices(desired, existing)
  const labels = labelsOf(service)
  for (const { slice, content } of plan.update) writeSlice(context, slice, content, labels, trigger)
  const settled = new Set([...plan.update.map(({ slice }) => slice), ...plan.remove])
  for (const slice of existing) {
    if (!settled.has(slice) && !same(slice.metadata.labels, labels)) writeSlice(context, slice, slice, labels, trigger)
  }
  if (!isTerminating(service)) {
    for (const content of plan.create)
      store.create('endpointslices', newSlice(service, addressType, content, labels, trigger))
  }
  removeSlices(context, plan.remove)
}

function writeSlice(
  { store }: ControllerContext,
  slice: EndpointSlice,
  { ports, endpoints }: SliceContent,
  labels: Record<string, string>,
  trigger: Record<string, string>,
): void {
  const copy = structuredClone(slice)
  const { annotations, ...others } = copy.metadata
  const metadata = { ...others, labels, ...withTrigger(annotations, trigger) }
  store.update('endpointslices', { ...copy, metadata, ports, endpoints })
}

function newSlice(
  service: Service,
  addressType: string,
  { ports, endpoints }: SliceContent,
  labels: Record<string, string>,
  trigger: Record<string, string>,
): NewObject {
  const { namespace = 'default', name } = service.metadata
  const ownerReferences = [controllerReference(service)]
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { generateName: `${name}-`, namespace, labels, ...withTrigger({}, trigger), ownerReferences },
    addressType,
    endpoints,
    ports,
  }
}

/** The Service's labels are carried over; those that are about the slice itself win. */
function labelsOf({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _headless, ...carried } = metadata.labels ?? {}
  const headless = spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None'
  return {
    ...carried,
    ...(headless ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: metadata.name,
    [managedByLabel]: managedBy,
  }
}
