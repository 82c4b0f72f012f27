import { canonical, same } from '../canonical.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../kinds.ts'

/** Endpoints that a slice holds at most (kube-controller-manager, --max-endpoints-per-slice). */
const maxEndpointsPerSlice = 100

/** What the endpoints of one Service and address type should be: those with the same ports belong together. */
export interface DesiredGroup {
  ports: EndpointPort[]
  endpoints: Endpoint[]
}

/** A slice's content, without what tells it apart. */
export interface SliceContent {
  ports: EndpointPort[] | null
  endpoints: Endpoint[] | null
}

export interface SlicePlan {
  create: SliceContent[]
  update: { slice: EndpointSlice; content: SliceContent }[]
  remove: EndpointSlice[]
}

interface Held extends SliceContent {
  slice: EndpointSlice
  endpoints: Endpoint[]
  changed: boolean
}

/** One endpoint is the same as another if it is the same address of the same pod. */
const identityOf = ({ addresses, targetRef }: Endpoint): string =>
  `${targetRef?.uid ?? ''} ${addresses.length === 1 ? addresses[0] : addresses.join(' ')}`

const portsKey = (ports: EndpointPort[] | null): string => canonical(ports ?? [])

/**
 * Brings slices to what is desired with few writes (kube-controller-manager, endpointslice reconciler): an endpoint stays in its slice;
 * newcomers go to slices that are written anyway, the fullest first, else all into one slice that has the room, else into new ones; a slice
 * that would be empty goes. Slices are never merged for their own sake. One slice without endpoints is kept when there are none at all.
 *
 * @param existing slices of one Service and address type
 */
export function planSlices(
  desired: readonly DesiredGroup[],
  existing: readonly EndpointSlice[],
  max = maxEndpointsPerSlice,
): SlicePlan {
  const groups = new Map(desired.map((group) => [portsKey(group.ports), group]))
  const plan: SlicePlan = { create: [], update: [], remove: [] }
  for (const [key, group] of groups) {
    reconcileGroup(
      plan,
      group,
      existing.filter(({ ports }) => portsKey(ports) === key),
      max,
    )
  }
  plan.remove.push(...existing.filter(({ ports }) => !groups.has(portsKey(ports))))
  keepOne(plan, existing)
  return reuseRemoved(plan)
}

function reconcileGroup(
  plan: SlicePlan,
  { ports, endpoints }: DesiredGroup,
  existing: readonly EndpointSlice[],
  max: number,
): void {
  const left = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]))
  const all = existing.map((slice) => holdOn(slice, left))
  const held = all.filter((slice) => slice.endpoints.length > 0)
  plan.remove.push(...all.filter((slice) => slice.endpoints.length === 0).map(({ slice }) => slice))
  const newcomers = [...left.values()]
  for (const slice of held.filter(({ changed }) => changed).sort((a, b) => b.endpoints.length - a.endpoints.length)) {
    slice.endpoints.push(...newcomers.splice(0, max - slice.endpoints.length))
  }
  while (newcomers.length > 0) {
    const slice = roomFor(held, newcomers.length, max)
    if (slice === undefined)
      plan.create.push({ ports: ports.length > 0 ? ports : null, endpoints: newcomers.splice(0, max) })
    else Object.assign(slice, { changed: true, endpoints: [...slice.endpoints, ...newcomers.splice(0)] })
  }
  for (const { slice, endpoints, changed } of held) {
    if (changed) plan.update.push({ slice, content: { ports: slice.ports, endpoints } })
  }
}

/** What a slice keeps of what is desired, in its own order; takes it out of `left`. */
function holdOn(slice: EndpointSlice, left: Map<string, Endpoint>): Held {
  const before = slice.endpoints ?? []
  const endpoints = before.flatMap((endpoint) => {
    const identity = identityOf(endpoint)
    const wanted = left.get(identity)
    left.delete(identity)
    return wanted === undefined ? [] : [wanted]
  })
  return { slice, ports: slice.ports, endpoints, changed: !same(endpoints, before) }
}

/** The fullest unchanged slice that takes them all. */
function roomFor(held: readonly Held[], count: number, max: number): Held | undefined {
  return held
    .filter(({ changed, endpoints }) => !changed && endpoints.length + count <= max)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0]
}

/** A Service without endpoints has one slice without endpoints: it says "none" instead of nothing. */
function keepOne(plan: SlicePlan, existing: readonly EndpointSlice[]): void {
  if (plan.create.length > 0 || plan.remove.length < existing.length) return
  const empty = plan.remove.findIndex(
    ({ endpoints, ports }) => (endpoints ?? []).length === 0 && (ports ?? []).length === 0,
  )
  if (empty >= 0) plan.remove.splice(empty, 1)
  else plan.create.push({ ports: null, endpoints: null })
}

/** A slice to create and one to remove make one slice to update. */
function reuseRemoved({ create, update, remove }: SlicePlan): SlicePlan {
  const reused = remove
    .slice(0, create.length)
    .map((slice, index) => ({ slice, content: create[index] as SliceContent }))
  return { create: create.slice(reused.length), update: [...update, ...reused], remove: remove.slice(reused.length) }
}
