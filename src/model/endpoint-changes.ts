import type { Backend, EndpointSlice, SliceEndpoint, Viewpoint } from './endpoints.ts'

/** Backends that left or came; one whose port or node changed did both. */
export interface BackendChanges {
  left: readonly Backend[]
  came: readonly Backend[]
}

/** The slice port of one name and protocol; undefined where a slice has none of it, or several. */
function portNumber(slice: EndpointSlice, port: { name: string; protocol: string }): number | undefined {
  const found = slice.ports.filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
  return found.length === 1 ? found[0]?.port : undefined
}

/**
 * What selectBackends says of many endpoints, followed from one set of slices to the next at the cost of what changed. Only while the case is a plain one: all slices name one
 * port, no address stands in two of them, no hints, somebody ready, and where endpoints of this node drain, another one there ready. Then both lists are the ready endpoints.
 */
export class PlainEndpoints {
  readonly #port: { name: string; protocol: string }
  readonly #nodeName: string
  readonly #known = new Map<string, SliceEndpoint>()
  #number: number | undefined
  #slices = new Map<string, EndpointSlice>()
  #ready = 0
  #readyHere = 0
  #drainingHere = 0

  private constructor(port: { name: string; protocol: string }, { nodeName }: Viewpoint) {
    this.#port = port
    this.#nodeName = nodeName
  }

  /** undefined: not a plain case. */
  static of(
    slices: readonly EndpointSlice[],
    port: { name: string; protocol: string },
    from: Viewpoint,
  ): PlainEndpoints | undefined {
    const endpoints = new PlainEndpoints(port, from)
    return endpoints.update(slices) === undefined ? undefined : endpoints
  }

  /** How many endpoints the lists have: of all, and of this node's. */
  get counts(): { cluster: number; local: number } {
    return { cluster: this.#ready, local: this.#readyHere }
  }

  /** Goes on to these slices. undefined: no longer a plain case, and this is of no more use. */
  update(slices: readonly EndpointSlice[]): BackendChanges | undefined {
    const gone: SliceEndpoint[] = []
    const come: SliceEndpoint[] = []
    const before = this.#slices
    this.#slices = new Map()
    for (const slice of slices) {
      const old = before.get(slice.name)
      before.delete(slice.name)
      this.#slices.set(slice.name, slice)
      if (old === slice) continue
      if (!this.#isOnePort(slice)) return undefined
      differences(old?.endpoints ?? [], slice.endpoints, gone, come)
    }
    for (const old of before.values()) gone.push(...old.endpoints)
    for (const endpoint of gone) {
      this.#known.delete(endpoint.address)
      this.#count(endpoint, -1)
    }
    for (const endpoint of come) {
      if (this.#known.has(endpoint.address) || endpoint.hints !== undefined) return undefined
      this.#known.set(endpoint.address, endpoint)
      this.#count(endpoint, 1)
    }
    const plain = this.#ready > 0 && (this.#readyHere > 0 || this.#drainingHere === 0)
    return plain ? { left: this.#backends(gone), came: this.#backends(come) } : undefined
  }

  #isOnePort(slice: EndpointSlice): boolean {
    const number = portNumber(slice, this.#port)
    this.#number ??= number
    return number !== undefined && number === this.#number
  }

  #count(endpoint: SliceEndpoint, by: 1 | -1): void {
    const here = endpoint.nodeName === this.#nodeName
    if (endpoint.ready) {
      this.#ready += by
      if (here) this.#readyHere += by
    } else if (here && endpoint.serving && endpoint.terminating) this.#drainingHere += by
  }

  #backends(endpoints: readonly SliceEndpoint[]): Backend[] {
    const port = this.#number ?? 0
    return endpoints.flatMap(({ address, ready, nodeName }) =>
      ready ? [{ address, port, local: nodeName === this.#nodeName }] : [],
    )
  }
}

/** Most changes are in one place: what both lists begin and end with is passed over. */
function differences(
  old: readonly SliceEndpoint[],
  now: readonly SliceEndpoint[],
  gone: SliceEndpoint[],
  come: SliceEndpoint[],
): void {
  const shorter = Math.min(old.length, now.length)
  let first = 0
  while (first < shorter && sameEndpoint(old[first] as SliceEndpoint, now[first] as SliceEndpoint)) first++
  let last = 0
  const at = (list: readonly SliceEndpoint[]): SliceEndpoint => list[list.length - 1 - last] as SliceEndpoint
  while (last < shorter - first && sameEndpoint(at(old), at(now))) last++
  differencesAnywhere(old.slice(first, old.length - last), now.slice(first, now.length - last), gone, come)
}

function differencesAnywhere(
  old: readonly SliceEndpoint[],
  now: readonly SliceEndpoint[],
  gone: SliceEndpoint[],
  come: SliceEndpoint[],
): void {
  const before = new Map(old.map((endpoint) => [endpoint.address, endpoint]))
  for (const endpoint of now) {
    const was = before.get(endpoint.address)
    if (was !== undefined && sameEndpoint(was, endpoint)) before.delete(endpoint.address)
    else come.push(endpoint)
  }
  gone.push(...before.values())
}

export const sameEndpoint = (a: SliceEndpoint, b: SliceEndpoint): boolean =>
  a === b ||
  (a.address === b.address &&
    a.ready === b.ready &&
    a.serving === b.serving &&
    a.terminating === b.terminating &&
    a.nodeName === b.nodeName &&
    sameHints(a, b))

const sameHints = ({ hints: a }: SliceEndpoint, { hints: b }: SliceEndpoint): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && a.zones.join() === b.zones.join() && a.nodes.join() === b.nodes.join())

/** Of lists of one length. */
function sameEndpoints(a: readonly SliceEndpoint[], b: readonly SliceEndpoint[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if (!sameEndpoint(a[i] as SliceEndpoint, b[i] as SliceEndpoint)) return false
  }
  return true
}

/** Whether a slice says the same; its name and Service are taken to be the same. */
export const sameSlice = (a: EndpointSlice, b: EndpointSlice): boolean =>
  a === b ||
  (a.endpoints.length === b.endpoints.length &&
    a.service === b.service &&
    a.family === b.family &&
    a.ports.length === b.ports.length &&
    a.ports.every((port, index) => samePort(port, b.ports[index])) &&
    sameEndpoints(a.endpoints, b.endpoints))

type SlicePort = EndpointSlice['ports'][number]
const samePort = (a: SlicePort, b: SlicePort | undefined): boolean =>
  a.name === b?.name && a.protocol === b.protocol && a.port === b.port
