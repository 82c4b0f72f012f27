import { errnoValues, KernelError } from '../errors.ts'
import { describeChange } from './describe.ts'
import { FakeRoutes } from './fake-routes.ts'
import type {
  Address,
  Change,
  Failure,
  FdbEntry,
  FoundAddress,
  Link,
  LinkChange,
  Neighbour,
  NewLink,
  Route,
  RouteFilter,
  RouteNetlink,
} from './types.ts'
import { addressBytes, checkLinkName, formatAddress, macBytes, parsePrefix } from './values.ts'

/** What a fake throws inside; `apply` makes the failure of one item of it. */
const refuse = (name: string): KernelError => new KernelError({ errno: errnoValues[name] as number, operation: 'fake' })

interface FakeLink extends Link {
  /** The peer of a veth pair, where it is in this namespace. */
  peer?: FakeLink
}

/**
 * A network namespace in memory, with the kernel's errors: what is there already, what is missing, gateways that are not on link, routes that go with
 * a link that goes down. What nobody asks of it is not there: no local routes, no link-local addresses, no learning.
 */
export class FakeRouteNetlink implements RouteNetlink {
  readonly #links = new Map<string, FakeLink>()
  #addresses: FoundAddress[] = []
  #neighbours = new Map<string, Neighbour>()
  #fdb = new Map<string, FdbEntry>()
  readonly #routes = new FakeRoutes()
  #nextIndex = 2
  #refuses: ((change: Change) => string | undefined) | undefined
  /** Every change that was made, in order. */
  readonly applied: Change[] = []

  constructor() {
    this.#links.set('lo', { index: 1, name: 'lo', up: true, carrier: true, mtuBytes: 65_536 })
  }

  apply(changes: readonly Change[]): Failure[] {
    const failures: Failure[] = []
    for (const [index, change] of changes.entries()) {
      try {
        const ordered = this.#refuses?.(change)
        if (ordered !== undefined) throw refuse(ordered)
        this.#make(change)
        this.applied.push(change)
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        const named = { errno: error.errno, operation: `${change.op} ${change.object}`, where: describeChange(change) }
        failures.push({ index, error: new KernelError(named) })
      }
    }
    return failures
  }

  links(): Link[] {
    return [...this.#links.values()].sort((a, b) => a.index - b.index).map((link) => this.#shown(link))
  }

  link(name: string): Link | undefined {
    const link = this.#links.get(name)
    return link === undefined ? undefined : this.#shown(link)
  }

  addresses(): FoundAddress[] {
    return [...this.#addresses]
  }

  routes(filter: RouteFilter = {}): Route[] {
    return this.#routes.list(filter)
  }

  async *routesInPieces(filter: RouteFilter = {}): AsyncGenerator<Route[]> {
    const all = this.routes(filter)
    for (let at = 0; at < all.length; at += 7) {
      yield all.slice(at, at + 7)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  neighbours(): Neighbour[] {
    return [...this.#neighbours.values()]
  }

  fdb(): FdbEntry[] {
    return [...this.#fdb.values()]
  }

  /** From now on changes for which this returns the name of an errno are refused with it; undefined ends that. */
  refuse(predicate: ((change: Change) => string | undefined) | undefined): void {
    this.#refuses = predicate
  }

  #shown(link: FakeLink): Link {
    const { peer, ...shown } = link
    return { ...shown, carrier: link.up && (link.kind !== 'veth' || peer === undefined || peer.up) }
  }

  #make(change: Change): void {
    switch (change.object) {
      case 'link':
        if (change.op === 'add') this.#addLink(change.value)
        else if (change.op === 'set') this.#setLink(change.value)
        else this.#deleteLink(this.#get(change.value.name))
        return
      case 'address':
        return change.op === 'add' ? this.#addAddress(change.value) : this.#deleteAddress(change.value)
      case 'route': {
        const dev = change.value.dev === undefined ? undefined : this.#get(change.value.dev)
        return this.#routes.change(change.op, change.value, this.#subnets(), dev?.up ?? true)
      }
      case 'neighbour': {
        const address = formatAddress(addressBytes(change.value.address))
        const value: Neighbour = { ...change.value, address, state: change.value.state ?? 'permanent' }
        this.#get(value.dev)
        if (value.lladdr !== undefined) macBytes(value.lladdr)
        return store(this.#neighbours, `${value.dev} ${address}`, change.op, value)
      }
      case 'fdb': {
        const value: FdbEntry = { ...change.value, state: change.value.state ?? 'permanent' }
        this.#get(value.dev)
        macBytes(value.lladdr)
        return store(this.#fdb, `${value.dev} ${value.lladdr}`, change.op, value)
      }
    }
  }

  #get(name: string): FakeLink {
    const link = this.#links.get(name)
    if (link === undefined) throw refuse('ENODEV')
    return link
  }

  #insert(name: string, kind: string, mtuBytes: number): FakeLink {
    checkLinkName(name)
    if (this.#links.has(name)) throw refuse('EEXIST')
    const link: FakeLink = { index: this.#nextIndex++, name, kind, up: false, carrier: false, mtuBytes }
    this.#links.set(name, link)
    return link
  }

  #addLink(spec: NewLink): void {
    if (this.#links.has(spec.name)) throw refuse('EEXIST')
    const master = spec.master === undefined ? undefined : this.#get(spec.master)
    const vxlan = spec.kind === 'vxlan' ? this.#vxlan(spec.vxlan) : undefined
    const peer =
      spec.kind === 'veth' && spec.peer.namespace === undefined
        ? this.#insert(spec.peer.name, 'veth', spec.mtuBytes ?? 1500)
        : undefined
    const link = this.#insert(spec.name, spec.kind, spec.mtuBytes ?? 1500)
    if (spec.address !== undefined) link.address = spec.address
    if (master !== undefined) link.masterIndex = master.index
    if (vxlan !== undefined) link.vxlan = vxlan
    if (peer !== undefined) {
      Object.assign(link, { peer, lowerIndex: peer.index })
      Object.assign(peer, { peer: link, lowerIndex: link.index })
    }
    link.up = spec.up ?? false
  }

  #vxlan({ dev, ...spec }: Extract<NewLink, { kind: 'vxlan' }>['vxlan']): NonNullable<Link['vxlan']> {
    const same = (link: FakeLink): boolean => link.vxlan?.id === spec.id && link.vxlan.port === spec.port
    const settings = { ...spec, ...(dev !== undefined && { devIndex: this.#get(dev).index }) }
    if ([...this.#links.values()].some(same)) throw refuse('EEXIST')
    return settings
  }

  #setLink({ name, up, mtuBytes, address, master, newName }: LinkChange): void {
    const link = this.#get(name)
    if (mtuBytes !== undefined) link.mtuBytes = mtuBytes
    if (address !== undefined) link.address = address
    if (master === null) delete link.masterIndex
    else if (master !== undefined) link.masterIndex = this.#get(master).index
    if (newName !== undefined) {
      if (this.#links.has(checkLinkName(newName))) throw refuse('EEXIST')
      this.#links.delete(name)
      link.name = newName
      this.#links.set(newName, link)
    }
    if (up === undefined || up === link.up) return
    link.up = up
    if (up) for (const { dev, address } of this.#addresses) if (dev === link.name) this.#connect(dev, address)
    if (!up) this.#goesDown(link)
  }

  /** IPv6 addresses go with it (net.ipv6.conf.*.keep_addr_on_down=0), routes of both families do. */
  #goesDown({ name }: FakeLink): void {
    this.#routes.dropDevice(name)
    this.#addresses = this.#addresses.filter(({ dev, address }) => dev !== name || !address.includes(':'))
  }

  #deleteLink(link: FakeLink): void {
    if (link.name === 'lo') throw refuse('EOPNOTSUPP')
    for (const gone of link.peer === undefined ? [link] : [link, link.peer]) {
      this.#goesDown(gone)
      this.#links.delete(gone.name)
      this.#addresses = this.#addresses.filter(({ dev }) => dev !== gone.name)
      for (const table of [this.#neighbours, this.#fdb]) {
        for (const [key, { dev }] of table) if (dev === gone.name) table.delete(key)
      }
      for (const other of this.#links.values()) if (other.masterIndex === gone.index) delete other.masterIndex
    }
  }

  #addAddress({ dev, address }: Address): void {
    const link = this.#get(dev)
    const { bytes, length } = parsePrefix(address)
    const text = `${formatAddress(bytes)}/${length}`
    if (this.#addresses.some((found) => found.dev === dev && found.address === text)) throw refuse('EEXIST')
    this.#addresses.push({ dev, address: text, tentative: false, deprecated: false })
    if (link.up) this.#connect(dev, text)
  }

  #deleteAddress({ dev, address }: Address): void {
    this.#get(dev)
    const left = this.#addresses.filter((found) => found.dev !== dev || found.address !== address)
    if (left.length === this.#addresses.length) throw refuse('EADDRNOTAVAIL')
    this.#addresses = left
    this.#routes.disconnect(dev, address)
    // With its last IPv4 address a link loses all IPv4 routes (fib_inetaddr_event).
    const bare = !left.some((found) => found.dev === dev && !found.address.includes(':'))
    if (bare && !address.includes(':')) this.#routes.dropDevice(dev, 'IPv4')
  }

  /** The kernel's own route to the subnet of an address. */
  #connect(dev: string, address: string): void {
    this.#routes.connect(dev, address)
  }

  #subnets(): { dev: string; address: string }[] {
    return this.#addresses.filter(({ dev }) => this.#links.get(dev)?.up)
  }
}

function store<T>(table: Map<string, T>, key: string, op: 'add' | 'replace' | 'delete', value: T): void {
  if (op === 'delete') {
    if (!table.delete(key)) throw refuse('ENOENT')
    return
  }
  if (op === 'add' && table.has(key)) throw refuse('EEXIST')
  table.set(key, value)
}
