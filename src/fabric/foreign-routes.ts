import { RT_TABLE_MAIN } from '../kernel/rtnetlink/constants.ts'
import type { Route } from '../kernel/rtnetlink/types.ts'

/**
 * Routes of the main table that are not ours, by destination. Kept from notifications: with every pod the kernel makes and removes some routes of its own, and a listing would
 * also hold a route for each node of the cluster. Link-local and multicast destinations do not count.
 */
export class ForeignRoutes {
  readonly #protocol: number
  readonly #routes = new Map<string, Set<string>>()

  /** @param protocol that of our own routes */
  constructor(protocol: number) {
    this.#protocol = protocol
  }

  /** Starts over with what is there now. */
  replaceAll(routes: readonly Route[]): void {
    this.#routes.clear()
    for (const route of routes) this.observe('new', route)
  }

  /** Returns the destination if it is one that counts. */
  observe(op: 'new' | 'delete', route: Route): string | undefined {
    const { dst, protocol, table } = route
    if (protocol === this.#protocol || table !== RT_TABLE_MAIN || /^(fe[89ab][0-9a-f]|ff[0-9a-f]{2}):/i.test(dst))
      return undefined
    const known = this.#routes.get(dst) ?? new Set()
    if (op === 'new') this.#routes.set(dst, known.add(describe(route)))
    else if (known.delete(describe(route)) && known.size === 0) this.#routes.delete(dst)
    return dst
  }

  /** What they say, as `ip route` would; undefined if there are none. */
  get(dst: string): string | undefined {
    const known = this.#routes.get(dst)
    return known && [...known].join(', ')
  }

  *entries(): Generator<[dst: string, text: string]> {
    for (const [dst, known] of this.#routes) yield [dst, [...known].join(', ')]
  }
}

function describe({ type, via, dev, metric, protocol, nextHops }: Route): string {
  return [
    ...(type === 'unicast' ? [] : [type]),
    ...(nextHops === undefined ? [] : [`through ${nextHops.length} next hops`]),
    ...(via === undefined ? [] : [`via ${via}`]),
    ...(dev === undefined ? [] : [`dev ${dev}`]),
    `proto ${protocol}`,
    ...(metric === 0 ? [] : [`metric ${metric}`]),
  ].join(' ')
}
