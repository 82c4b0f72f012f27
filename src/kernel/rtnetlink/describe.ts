import type { Change, RouteSpec } from './types.ts'

/** `10.42.1.0/24 via 172.30.0.12 dev eth0`, as ip-route(8) would take it. */
export function describeRoute(route: RouteSpec): string {
  const parts = [route.type === undefined || route.type === 'unicast' ? route.dst : `${route.type} ${route.dst}`]
  if (route.via !== undefined) parts.push(`via ${route.via}`)
  if (route.dev !== undefined) parts.push(`dev ${route.dev}`)
  if (route.metric !== undefined) parts.push(`metric ${route.metric}`)
  if (route.table !== undefined) parts.push(`table ${route.table}`)
  return parts.join(' ')
}

/** The item that a change is about, for errors and logs. */
export function describeChange({ object, value }: Change): string {
  if (object === 'link') return value.name
  if (object === 'route') return describeRoute(value)
  if (object === 'fdb') return `${value.lladdr} dev ${value.dev}${value.via === undefined ? '' : ` dst ${value.via}`}`
  return `${value.address} dev ${value.dev}`
}
