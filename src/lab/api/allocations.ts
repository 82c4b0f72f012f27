import { type Address, formatAddress } from '../../model/ip.ts'
import { canonicalIp, parseAddress, parseCidr } from './addresses.ts'

/** First and last node port (kube-apiserver's --service-node-port-range). */
const nodePorts = { first: 30_000, last: 32_767 } as const

export type IpFamily = 'IPv4' | 'IPv6'

/**
 * Ports and addresses below these bands are given out by choice last, so that a Service that names one finds it free
 * (KEP-3070 and KEP-3668).
 */
const staticPorts = 86
const staticAddresses = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256)

/** Addresses of a range that are told apart at most: a range may hold 2^112 of them. */
const maxRangeSize = 2 ** 32

interface Range {
  /** As it was given, in its canonical form. */
  cidr: string
  family: IpFamily
  base: bigint
  /** Offsets from the base that may be given out. */
  first: number
  last: number
}

function rangeOf(cidr: string): Range {
  const { address, bits } = parseCidr(cidr)
  const width = address.family === 'IPv4' ? 32 : 128
  const size = 1n << BigInt(width - bits)
  const base = address.number - (address.number % size)
  const count = Number(size > BigInt(maxRangeSize) ? BigInt(maxRangeSize) : size)
  const first: Address = { family: address.family, number: base }
  return {
    cidr: `${formatAddress(first)}/${bits}`,
    family: address.family,
    base,
    first: 1,
    // The last address of an IPv4 range is its broadcast address; IPv6 has none.
    last: address.family === 'IPv4' ? count - 2 : count - 1,
  }
}

/** Cluster IPs and node ports in use. Choosing takes nothing: `take` and `release` follow the commit of the Service. */
export class Allocations {
  readonly #used = new Map<string, number>()
  readonly #usedPorts = new Map<number, number>()
  readonly #ranges: readonly Range[]
  readonly #random: () => number

  /** `cidrs`: one range or two of different families; the first is the primary one. `random`: 0 ≤ x < 1. */
  constructor(cidrs: readonly string[], random: () => number = Math.random) {
    this.#ranges = cidrs.map(rangeOf)
    this.#random = random
  }

  /** Families that are served, the primary one first. */
  get families(): IpFamily[] {
    return this.#ranges.map(({ family }) => family)
  }

  /** The ranges, as ServiceCIDR shows them. */
  get cidrs(): string[] {
    return this.#ranges.map(({ cidr }) => cidr)
  }

  /** The first address of the primary range: that of default/kubernetes. */
  get firstAddress(): string {
    const [range] = this.#ranges
    return range === undefined ? '' : textOf(range, range.first)
  }

  /** Why this address cannot be had, or undefined. */
  addressError(text: string): string | undefined {
    const address = parseAddress(text)
    const range = this.#ranges.find(({ family }) => family === address?.family)
    if (address === undefined || range === undefined) return 'the provided network does not match the current range'
    const offset = address.number - range.base
    if (offset < BigInt(range.first) || offset > BigInt(range.last))
      return 'the provided network does not match the current range'
    return this.isUsed(text) ? 'provided IP is already allocated' : undefined
  }

  isUsed(address: string): boolean {
    return this.#used.has(canonicalIp(address))
  }

  portError(port: number): string | undefined {
    if (port < nodePorts.first || port > nodePorts.last)
      return `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`
    return this.#usedPorts.has(port) ? 'provided port is already allocated' : undefined
  }

  /** A free address of a family, or undefined if there is none. */
  chooseAddress(family: IpFamily): string | undefined {
    const range = this.#ranges.find((one) => one.family === family)
    if (range === undefined) return undefined
    const band = range.first + staticAddresses(range.last - range.first + 1)
    const free = (offset: number): boolean => !this.#used.has(textOf(range, offset))
    const offset = this.#choose(range.first, Math.min(band, range.last), range.last, free)
    return offset === undefined ? undefined : textOf(range, offset)
  }

  /** A free node port that is not among `besides`, or undefined if there is none. */
  choosePort(besides: ReadonlySet<number>): number | undefined {
    const free = (port: number): boolean => !this.#usedPorts.has(port) && !besides.has(port)
    return this.#choose(nodePorts.first, nodePorts.first + staticPorts, nodePorts.last, free)
  }

  take(addresses: readonly string[], ports: readonly number[]): void {
    for (const address of addresses.map(canonicalIp)) this.#used.set(address, (this.#used.get(address) ?? 0) + 1)
    for (const port of ports) this.#usedPorts.set(port, (this.#usedPorts.get(port) ?? 0) + 1)
  }

  release(addresses: readonly string[], ports: readonly number[]): void {
    for (const address of addresses.map(canonicalIp)) count(this.#used, address)
    for (const port of ports) count(this.#usedPorts, port)
  }

  /** At random from the upper band, then in order from there, then from the lower one. */
  #choose(first: number, band: number, last: number, free: (number: number) => boolean): number | undefined {
    const start = band + Math.floor(this.#random() * (last - band + 1))
    for (let number = start; number <= last; number++) if (free(number)) return number
    for (let number = band; number < start; number++) if (free(number)) return number
    for (let number = first; number < band; number++) if (free(number)) return number
    return undefined
  }
}

const textOf = (range: Range, offset: number): string =>
  formatAddress({ family: range.family, number: range.base + BigInt(offset) })

/** A port may be held twice by one Service (TCP and UDP): it is free when nobody holds it. */
function count<K>(used: Map<K, number>, key: K): void {
  const holders = (used.get(key) ?? 0) - 1
  if (holders > 0) used.set(key, holders)
  else used.delete(key)
}
