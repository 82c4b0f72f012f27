import { routeProtocols } from '../../kernel/names.ts'
import type { Failure, Route, Change as RouteChange, RouteNetlink } from '../../kernel/rtnetlink/types.ts'
import type { Change, FoundItem, ItemFailure, Target } from '../../reconcile/types.ts'
import { keyOf, routeKind, specOf, valueOf } from './item.ts'

/** Gone with its link already, or never there: what a removal wants. */
const absent = new Set(['ESRCH', 'ENODEV', 'ENETDOWN'])

/**
 * The routes of a network namespace that carry our protocol number; all others are invisible to it. Changes are made one by one, and making one
 * again does no harm: what is there already, exactly so, counts as made.
 */
export class HostGatewayRoutes implements Target {
  readonly transactional = false
  readonly #net: RouteNetlink
  #touched = false

  constructor(net: RouteNetlink) {
    this.#net = net
  }

  /** Somebody else has written, or a link was down: read() will show it. */
  suspect(): void {
    this.#touched = true
  }

  async prepare(): Promise<'kept'> {
    this.#touched = false
    return 'kept'
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    for await (const routes of this.#net.routesInPieces({ protocol: routeProtocols.fabric })) yield routes.map(toItem)
  }

  /** Each change on its own: returns those that were refused. */
  apply(changes: readonly Change[]): ItemFailure[] {
    const failures = this.#net
      .apply(changes.map(toRouteChange))
      .filter(({ index, error }) => changes[index]?.op === 'add' || !absent.has(error.errnoName))
    return this.#notAsWanted(changes, failures).map(({ index, error }) => ({
      change: changes[index] as Change,
      message: error.message,
    }))
  }

  async finish(): Promise<void> {}

  touchedByOthers(): boolean {
    return this.#touched
  }

  /** Without those that are exactly as wanted already. A listing, but only where an addition met something. */
  #notAsWanted(changes: readonly Change[], failures: readonly Failure[]): readonly Failure[] {
    if (!failures.some(({ error }) => error.errnoName === 'EEXIST')) return failures
    const routes = this.#net.routes({ protocol: routeProtocols.fabric })
    const there = new Map(routes.map((route) => [keyOf(route), valueOf(route)]))
    return failures.filter(({ index, error }) => {
      const item = changes[index]?.item
      return error.errnoName !== 'EEXIST' || item === undefined || there.get(item.key) !== item.value
    })
  }
}

const toItem = (route: Route): FoundItem => ({ kind: routeKind, key: keyOf(route), value: valueOf(route) })

/** `add`, never `replace`: a replacement takes the place of whatever has that destination and metric, whoever made it. */
const toRouteChange = ({ op, item }: Change): RouteChange => ({ object: 'route', op, value: specOf(item) })
