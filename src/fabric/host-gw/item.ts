import { routeProtocols } from '../../kernel/names.ts'
import { RT_TABLE_MAIN } from '../../kernel/rtnetlink/constants.ts'
import type { Route, RouteSpec } from '../../kernel/rtnetlink/types.ts'

/** The one kind of item: a route, by its destination. */
export const routeKind = 'routes'

/** What the kernel gives a route of this family that was made without a metric. */
const usualMetric = (route: { dst: string }): number => (route.dst.includes(':') ? 1024 : 0)

/** `via 172.30.0.12 dev eth0`: what is compared. */
export const routeValue = ({ via, dev }: { via: string; dev: string }): string => `via ${via} dev ${dev}`

/** The device in a value. */
export const deviceOf = (value: string): string | undefined => /^via \S+ dev (\S+)/.exec(value)?.[1]

/** The destination; beside it what a route of ours never has, so that two of them never meet under one key. */
export function keyOf(route: Route): string {
  const odd = [
    ...(route.table === RT_TABLE_MAIN ? [] : [`table ${route.table}`]),
    ...(route.metric === usualMetric(route) ? [] : [`metric ${route.metric}`]),
  ]
  return [route.dst, ...odd].join(' ')
}

/** As `routeValue` where it is a route as we make them. */
export function valueOf({ via, dev, type, onlink, source, nextHops }: Route): string {
  if (nextHops !== undefined) return `nexthops ${nextHops.length}`
  const odd = [
    ...(type === 'unicast' ? [] : [type]),
    ...(onlink ? ['onlink'] : []),
    ...(source === undefined ? [] : [`src ${source}`]),
  ]
  return [`via ${via ?? ''} dev ${dev ?? ''}`, ...odd].join(' ')
}

/** The route of an item, by its own mark: a delete of it meets no route of anybody else's. */
export function specOf({ key, value }: { key: string; value: string }): RouteSpec {
  const [dst = '', ...rest] = key.split(' ')
  const number = (word: string): number | undefined => {
    const at = rest.indexOf(word)
    return at < 0 ? undefined : Number(rest[at + 1])
  }
  const metric = number('metric') ?? (usualMetric({ dst }) || undefined)
  const table = number('table')
  const match = /^via (\S+) dev (\S+)/.exec(value)
  return {
    dst,
    protocol: routeProtocols.fabric,
    ...(match?.[1] && match[2] ? { via: match[1], dev: match[2] } : {}),
    ...(metric !== undefined && { metric }),
    ...(table !== undefined && { table }),
  }
}
