import { existsSync, readFileSync } from 'node:fs'
import { type Family, families } from '../model/ip.ts'
import { type ServiceView, serviceCIDRsOf } from './view.ts'

/** Whether IPv6 is there in this process's network namespace: not compiled out, not switched off (ipv6.disable=1, disable_ipv6). */
export function kernelHasIPv6(): boolean {
  if (!existsSync('/proc/net/if_inet6')) return false
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8').trim() === '0'
  } catch {
    return false
  }
}

/** Families, and word of those that join them. */
export interface FamilyList {
  readonly served: readonly Family[]
  /** Calls back with each that comes from now on, when it is in `served`; returns the unsubscribe function. */
  onAdded(listener: (family: Family) => void): () => void
}

/** Families that stay what they are. */
export const fixedFamilies = (...served: readonly Family[]): FamilyList => ({ served, onAdded: () => () => {} })

/** How often the kernel is asked: it tells nobody when IPv6 is switched on. Two small files of /proc. */
const lookMs = 5_000

/**
 * The families that this node serves, from now on. One that goes (its last ServiceCIDR was deleted, IPv6 was switched off) stays until the process ends: a range that is
 * deleted is often one that is made anew, and by then nothing but the node's own entries is left to serve.
 */
export class ServedFamilies implements FamilyList {
  served: readonly Family[] = []
  readonly #view: ServiceView
  readonly #hasIPv6: () => boolean
  readonly #listeners = new Set<(family: Family) => void>()

  /** Call when the view's stores are synced. */
  constructor(view: ServiceView, hasIPv6 = kernelHasIPv6) {
    this.#view = view
    this.#hasIPv6 = hasIPv6
    this.look()
  }

  onAdded(listener: (family: Family) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Looks again when a range comes, and at the kernel every few seconds, until the signal. */
  follow(signal: AbortSignal): void {
    const stopFollowing = this.#view.serviceCIDRs.onChange(() => this.look())
    const timer = setInterval(() => this.look(), lookMs).unref()
    const stop = (): void => {
      stopFollowing()
      clearInterval(timer)
    }
    signal.addEventListener('abort', stop, { once: true })
  }

  look(): void {
    const now = servedFamilies(this.#view, this.#hasIPv6())
    const added = now.filter((family) => !this.served.includes(family))
    if (added.length === 0) return
    this.served = families.filter((family) => this.served.includes(family) || added.includes(family))
    for (const family of added) for (const listener of this.#listeners) listener(family)
  }
}

/** The families in which this node serves Services: those that Services have addresses of, by the API's ServiceCIDR objects or by flag, and that the kernel has. */
export function servedFamilies(view: ServiceView, hasIPv6 = kernelHasIPv6()): Family[] {
  const ranges = [...serviceCIDRsOf(view), ...view.config.serviceCIDRs]
  return families.filter((family) => (family === 'IPv4' || hasIPv6) && ranges.some((range) => range.family === family))
}
