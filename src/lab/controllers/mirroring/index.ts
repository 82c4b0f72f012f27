import { isIPv6 } from 'node:net'
import type { NewObject } from '../../api/types.ts'
import { serviceNameLabel } from '../caches.ts'
import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { managedByLabel } from '../endpointslice/index.ts'
import { type DesiredGroup, planSlices, type SliceContent } from '../endpointslice/reconcile.ts'
import { triggerTimeAnnotation } from '../endpointslice/trigger.ts'
import type { Endpoint, EndpointAddress, EndpointSlice, Endpoints, Service } from '../kinds.ts'
import { byCreation, controllerReference, isTerminating, joinKey } from '../objects.ts'

const managedBy = 'endpointslicemirroring-controller.k8s.io'
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'

/** Addresses of one subset that are mirrored (kube-controller-manager, --mirroring-max-endpoints-per-subset). */
const maxMirrored = 1000

/** Annotations that say something of the Endpoints object itself. */
const ownAnnotations = new Set(['kubectl.kubernetes.io/last-applied-configuration', triggerTimeAnnotation])

/** Mirrors Endpoints that were made by hand, for a Service without selector, into slices. */
export function mirroringController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: 'endpoint-slice-mirroring-controller',
    watch(add) {
      for (const cache of [caches.endpoints, caches.services]) cache.onKey(add)
      caches.endpointslices.onChange(({ now, before }) => {
        for (const slice of [now, before]) {
          const name = slice?.metadata.labels?.[serviceNameLabel]
          if (slice !== undefined && name !== undefined && isOurs(slice)) add(joinKey(slice.metadata.namespace, name))
        }
      })
    },
    sync(key) {
      sync(context, key)
      return undefined
    },
  }
}

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[managedByLabel] === managedBy

function sync(context: ControllerContext, key: string): void {
  const { caches, store } = context
  const existing = caches.endpointslices
    .indexed('service', key)
    .filter((slice) => isOurs(slice) && !isTerminating(slice))
  const endpoints = caches.endpoints.get(key)
  const mirrored = endpoints !== undefined && isMirrored(endpoints, caches.services.get(key)) ? endpoints : undefined
  const desired = mirrored === undefined ? new Map<string, DesiredGroup[]>() : groupsOf(mirrored)
  for (const addressType of ['IPv4', 'IPv6']) {
    const slices = existing.filter((slice) => slice.addressType === addressType).sort(byCreation)
    const groups = desired.get(addressType)
    if (mirrored !== undefined && groups !== undefined) syncSlices(context, mirrored, addressType, groups, slices)
    else for (const { metadata } of slices) store.remove('endpointslices', metadata.namespace, metadata.name)
  }
}

const isMirrored = ({ metadata }: Endpoints, service: Service | undefined): boolean =>
  service !== undefined &&
  service.spec.selector === undefined &&
  metadata.labels?.[skipLabel] !== 'true' &&
  metadata.annotations?.[leaderAnnotation] === undefined

/** The endpoints by address type, and by ports within it. */
function groupsOf({ subsets = [] }: Endpoints): Map<string, DesiredGroup[]> {
  const types = new Map<string, DesiredGroup[]>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const all = [
      ...addresses.map((address) => mirrorOf(address, true)),
      ...notReadyAddresses.map((address) => mirrorOf(address, false)),
    ].slice(0, maxMirrored)
    for (const type of ['IPv4', 'IPv6']) {
      const endpoints = all.filter(({ addresses: [ip] }) => isIPv6(ip ?? '') === (type === 'IPv6'))
      if (endpoints.length === 0) continue
      const named = ports.map((port) => ({ ...port, name: port.name ?? '' }))
      types.set(type, [...(types.get(type) ?? []), { ports: named, endpoints }])
    }
  }
  return types
}

const mirrorOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname === undefined ? {} : { hostname }),
  ...(targetRef === undefined ? {} : { targetRef }),
  ...(nodeName === undefined ? {} : { nodeName }),
})

function syncSlices(
  { store }: ControllerContext,
  endpoints: Endpoints,
  addressType: string,
  groups: readonly DesiredGroup[],
  existing: readonly EndpointSlice[],
): void {
  const plan = planSlices(groups, existing, maxMirrored)
  const carried = carriedOf(endpoints)
  const updates = new Map<EndpointSlice, SliceContent>(plan.update.map(({ slice, content }) => [slice, content]))
  for (const slice of existing) {
    if (plan.remove.includes(slice)) continue
    const content = updates.get(slice)
    const { labels, annotations = {} } = slice.metadata
    if (content === undefined && same(labels, carried.labels) && same(annotations, carried.annotations)) continue
    const metadata = { ...slice.metadata, ...carried }
    store.update('endpointslices', structuredClone({ ...slice, ...content, metadata }))
  }
  for (const content of plan.create) store.create('endpointslices', newSlice(endpoints, addressType, content, carried))
  for (const { metadata } of plan.remove) store.remove('endpointslices', metadata.namespace, metadata.name)
}

/** Labels and annotations of the Endpoints, with the slice's own. */
function carriedOf({ metadata }: Endpoints): { labels: Record<string, string>; annotations: Record<string, string> } {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name))
  return {
    labels: { ...metadata.labels, [serviceNameLabel]: metadata.name, [managedByLabel]: managedBy },
    annotations: Object.fromEntries(annotations),
  }
}

function newSlice(
  endpoints: Endpoints,
  addressType: string,
  content: SliceContent,
  carried: ReturnType<typeof carriedOf>,
): NewObject {
  const { name, namespace = 'default' } = endpoints.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { generateName: `${name}-`, namespace, ...carried, ownerReferences: [controllerReference(endpoints)] },
    addressType,
    ...content,
  }
}
