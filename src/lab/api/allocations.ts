import { isIPv4 } from 'node:net'
import { ipv4Number, ipv4Text } from './addresses.ts'

/** First and last node port (kube-apiserver's --service-node-port-range). */
export const nodePorts = { first: 30_000, last: 32_767 } as const

/**
 * Ports and addresses below these bands are given out by choice last, so that a Service that names one finds it free
 * (KEP-3070 and KEP-3668).
 */
const staticPorts = 86
const staticAddresses = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256)

/** Cluster IPs and node ports in use. Choosing takes nothing: `take` and `release` follow the commit of the Service. */
export class Allocations {
  readonly #used = new Map<string, number>()
  readonly #usedPorts = new Map<number, number>()
  readonly #first: number
  readonly #last: number
  readonly #random: () => number

  /** `cidr`: an IPv4 range; its first and last address are never given out. `random`: 0 ≤ x < 1. */
  constructor(cidr: string, random: () => number = Math.random) {
    const [address = '', bits = ''] = cidr.split('/')
    const size = 2 ** (32 - Number(bits))
    const base = Math.floor(ipv4Number(address) / size) * size
    this.#first = base + 1
    this.#last = base + size - 2
    this.#random = random
  }

  /** The first address of the range: that of default/kubernetes. */
  get firstAddress(): string {
    return ipv4Text(this.#first)
  }

  /** Why this address cannot be had, or undefined. */
  addressError(address: string): string | undefined {
    const number = isIPv4(address) ? ipv4Number(address) : -1
    if (number < this.#first || number > this.#last) return 'the provided network does not match the current range'
    return this.#used.has(address) ? 'provided IP is already allocated' : undefined
  }

  portError(port: number): string | undefined {
    if (port < nodePorts.first || port > nodePorts.last)
      return `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`
    return this.#usedPorts.has(port) ? 'provided port is already allocated' : undefined
  }

  /** A free address, or undefined if there is none. */
  chooseAddress(): string | undefined {
    const band = this.#first + staticAddresses(this.#last - this.#first + 1)
    const free = (number: number): boolean => !this.#used.has(ipv4Text(number))
    const number = this.#choose(this.#first, Math.min(band, this.#last), this.#last, free)
    return number === undefined ? undefined : ipv4Text(number)
  }

  /** A free node port that is not among `besides`, or undefined if there is none. */
  choosePort(besides: ReadonlySet<number>): number | undefined {
    const free = (port: number): boolean => !this.#usedPorts.has(port) && !besides.has(port)
    return this.#choose(nodePorts.first, nodePorts.first + staticPorts, nodePorts.last, free)
  }

  take(addresses: readonly string[], ports: readonly number[]): void {
    for (const address of addresses) this.#used.set(address, (this.#used.get(address) ?? 0) + 1)
    for (const port of ports) this.#usedPorts.set(port, (this.#usedPorts.get(port) ?? 0) + 1)
  }

  release(addresses: readonly string[], ports: readonly number[]): void {
    for (const address of addresses) count(this.#used, address)
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

/** A port may be held twice by one Service (TCP and UDP): it is free when nobody holds it. */
function count<K>(used: Map<K, number>, key: K): void {
  const holders = (used.get(key) ?? 0) - 1
  if (holders > 0) used.set(key, holders)
  else used.delete(key)
}
