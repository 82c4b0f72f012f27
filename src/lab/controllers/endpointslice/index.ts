import type { NewObject } from '../../api/types.ts'
import { candidates, serviceNameLabel, servicesFor } from '../caches.ts'
import { same } from '../canonical.ts'
import { apiTime } from '../clock.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import type { EndpointSlice, Node, Pod, Service } from '../kinds.ts'
import { byCreation, controllerReference, isTerminating, joinKey, keyOf } from '../objects.ts'
import { matchesLabels } from '../selector.ts'
import { addressTypesOf, endpointOf, portsOf, takesPart } from './endpoint.ts'
import { planSlices, type DesiredGroup, type SliceContent } from './reconcile.ts'

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const managedBy = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'
/** When the slice's cause changed; kube-proxy measures its latency from there. */
const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
const zoneLabel = 'topology.kubernetes.io/zone'

/** Keeps the EndpointSlices of Services that select pods. Slices that others manage are left alone. */
export function endpointSliceController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: 'endpoint-slice-controller',
    watch(add) {
      caches.services.onChange(({ now, before }) => {
        const either = now ?? before
        if (either !== undefined) add(keyOf(either))
      })
      caches.pods.onChange(({ now, before }) => {
        for (const pod of [now, before]) if (pod !== undefined) addServices(context, pod, add)
      })
      caches.nodes.onChange(({ now, before }) => {
        if (zoneOf(now) === zoneOf(before) && (now === undefined) === (before === undefined)) return
        const { name } = ((now ?? before) as Node).metadata
        for (const pod of caches.pods.indexed('node', name)) addServices(context, pod, add)
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
      if (service === undefined) removeSlices(context, ownSlices(context, key))
      else if (selectsPods(service)) syncService(context, key, service)
      return undefined
    },
  }
}

/** Slices of other Services are made by hand; what one had before it lost its selector stays, as with the real controller. */
const selectsPods = ({ spec }: Service): boolean =>
  spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0

const zoneOf = (node: Node | undefined): string | undefined => node?.metadata.labels?.[zoneLabel]

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[managedByLabel] === managedBy

function addServices({ caches }: ControllerContext, pod: Pod, add: (key: string) => void): void {
  for (const service of servicesFor(caches, pod)) {
    if (matchesLabels(service.spec.selector ?? {}, pod.metadata.labels)) add(keyOf(service))
  }
}

/** The slices of a Service that this controller manages, oldest first. */
const ownSlices = ({ caches }: ControllerContext, service: string): EndpointSlice[] =>
  caches.endpointslices.indexed('service', service).filter(isOurs).sort(byCreation)

function removeSlices({ store }: ControllerContext, slices: readonly EndpointSlice[]): void {
  for (const { metadata } of slices) {
    if (metadata.deletionTimestamp === undefined) store.remove('endpointslices', metadata.namespace, metadata.name)
  }
}

function syncService(context: ControllerContext, key: string, service: Service): void {
  const slices = ownSlices(context, key).filter((slice) => !isTerminating(slice))
  const addressTypes = addressTypesOf(service)
  removeSlices(
    context,
    slices.filter(({ addressType }) => !addressTypes.includes(addressType)),
  )
  const pods = selectedPods(context, service)
  for (const addressType of addressTypes) {
    const existing = slices.filter((slice) => slice.addressType === addressType)
    syncSlices(context, service, addressType, desiredGroups(context, service, addressType, pods), existing)
  }
}

/** The pods that take part, by name: newcomers join slices in this order. */
function selectedPods({ caches }: ControllerContext, service: Service): Pod[] {
  const selector = service.spec.selector ?? {}
  return candidates(caches.pods, service.metadata.namespace ?? '', selector)
    .filter((pod) => matchesLabels(selector, pod.metadata.labels) && takesPart(pod))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
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
    const endpoint = endpointOf(service, pod, node, addressType)
    if (endpoint === undefined) continue
    const ports = portsOf(service, pod)
    const key = JSON.stringify(ports)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { ports, endpoints: [endpoint] })
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
): void {
  const { store } = context
  const plan = planSlices(desired, existing)
  const labels = labelsOf(service)
  const annotations = { [triggerTimeAnnotation]: apiTime(context.clock.now()) }
  for (const { slice, content } of plan.update) writeSlice(context, slice, content, labels, annotations)
  const settled = new Set([...plan.update.map(({ slice }) => slice), ...plan.remove])
  for (const slice of existing) {
    if (!settled.has(slice) && !same(slice.metadata.labels, labels))
      writeSlice(context, slice, slice, labels, annotations)
  }
  if (!isTerminating(service)) {
    for (const content of plan.create)
      store.create('endpointslices', newSlice(service, addressType, content, labels, annotations))
  }
  removeSlices(context, plan.remove)
}

function writeSlice(
  { store }: ControllerContext,
  slice: EndpointSlice,
  { ports, endpoints }: SliceContent,
  labels: Record<string, string>,
  annotations: Record<string, string>,
): void {
  const copy = structuredClone(slice)
  const metadata = { ...copy.metadata, labels, annotations: { ...copy.metadata.annotations, ...annotations } }
  store.update('endpointslices', { ...copy, metadata, ports, endpoints })
}

function newSlice(
  service: Service,
  addressType: string,
  { ports, endpoints }: SliceContent,
  labels: Record<string, string>,
  annotations: Record<string, string>,
): NewObject {
  const { namespace = 'default', name } = service.metadata
  const ownerReferences = [controllerReference(service)]
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { generateName: `${name}-`, namespace, labels, annotations, ownerReferences },
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
