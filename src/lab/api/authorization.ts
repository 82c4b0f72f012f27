import type { IncomingMessage } from 'node:http'
import { isTrue } from './request.ts'
import { StatusError } from './status.ts'

/** Who a request comes from. */
export interface User {
  name: string
  uid?: string
  groups: readonly string[]
  /** What else is known, e.g. the pod that a token is bound to. */
  extra?: Readonly<Record<string, readonly string[]>>
}

export const admin: User = { name: 'admin', uid: '1', groups: ['system:masters', 'system:authenticated'] }
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/**
 * Whether a user may do everything: the administrator, and every service account, since no role is evaluated here that would grant it
 * what its manifests say. A service account may be known by its name alone, as in a role binding.
 */
export const mayDoAll = ({ name, groups }: Pick<User, 'name' | 'groups'>): boolean =>
  groups.includes('system:masters') ||
  groups.includes('system:serviceaccounts') ||
  /^system:serviceaccount:[^:]+:[^:]+$/.test(name)

/** Groups whose reviews any authenticated user may create (ClusterRole system:basic-user). */
const selfReviews = /^(authorization|authentication)\.k8s\.io\/v1\/self/

/**
 * Why a user may not do this, in the words of a real server with RBAC; undefined if they may. Nobody but those who may do everything
 * has any role but the ones that every user has (discovery, and asking what they may do).
 */
export function accessError(user: User, message: IncomingMessage, url: URL): StatusError | undefined {
  if (mayDoAll(user)) return undefined
  const authenticated = user.groups.includes('system:authenticated')
  const { pathname } = url
  const segments = pathname.split('/').filter((segment) => segment !== '')
  const resourceAt = segments[0] === 'api' ? 2 : segments[0] === 'apis' ? 3 : Number.POSITIVE_INFINITY
  if (segments.length <= resourceAt) {
    const discovery = /^\/(api|apis|openapi|healthz|livez|readyz|version|\.well-known)(\/|$)/.test(pathname)
    return authenticated && discovery && message.method === 'GET' ? undefined : pathError(user, message, pathname)
  }
  const inGroup = segments.slice(resourceAt - 2)
  if (authenticated && message.method === 'POST' && selfReviews.test(inGroup.join('/'))) return undefined
  return resourceError(user, message, url, segments[0] === 'api' ? '' : (segments[1] ?? ''), segments.slice(resourceAt))
}

function pathError(user: User, message: IncomingMessage, path: string): StatusError {
  const verb = (message.method ?? 'GET').toLowerCase()
  return new StatusError(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {})
}

function resourceError(
  user: User,
  message: IncomingMessage,
  url: URL,
  group: string,
  given: readonly string[],
): StatusError {
  const old = given[0] === 'watch'
  const path = old ? given.slice(1) : given
  const inNamespace = path[0] === 'namespaces' && path.length > 2
  const [resource = '', name, subresource] = inNamespace ? path.slice(2) : path
  const watching = old || isTrue(url.searchParams.get('watch'))
  const reading = name === undefined ? (watching ? 'watch' : 'list') : 'get'
  const plain = verbs[message.method ?? ''] ?? reading
  const verb = plain === 'delete' && name === undefined ? 'deletecollection' : plain
  const where = inNamespace ? `in the namespace "${path[1]}"` : 'at the cluster scope'
  const what = subresource === undefined ? resource : `${resource}/${subresource}`
  const qualified = group === '' ? resource : `${resource}.${group}`
  const subject = name === undefined ? qualified : `${qualified} "${name}"`
  const words = `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`
  return new StatusError(403, 'Forbidden', `${subject} is forbidden: ${words}`, {
    ...(name === undefined ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  })
}
