import type { IncomingMessage } from 'node:http'
import { mayDoAll, type User } from './authorization.ts'
import { internalError, StatusError } from './status.ts'

const extraPrefix = 'impersonate-extra-'

/**
 * As whom a request is to be judged: the one that the headers Impersonate-User, -Group, -Uid and -Extra-… name (`kubectl --as`), or the one who sends it. Groups of
 * a service account come by themselves, as does system:authenticated.
 *
 * @throws StatusError 403 for who may not do that, 500 for a group without a user, as a real server has it
 */
export function impersonated(user: User, { headersDistinct }: IncomingMessage): User {
  const [name] = headersDistinct['impersonate-user'] ?? []
  const groups = headersDistinct['impersonate-group'] ?? []
  const [uid] = headersDistinct['impersonate-uid'] ?? []
  const extra = extraOf(headersDistinct)
  const others = groups.length > 0 || uid !== undefined || Object.keys(extra).length > 0
  if (name === undefined || name === '') {
    if (others) throw internalError('requested groups, a uid or extra without impersonating a user')
    return user
  }
  if (!mayDoAll(user)) throw notAllowed(user, name)
  const whole = groups.length > 0 ? groups : serviceAccountGroups(name)
  return {
    name,
    ...(uid !== undefined && { uid }),
    groups: [...new Set([...whole, name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'])],
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}

function extraOf(headers: IncomingMessage['headersDistinct']): Record<string, string[]> {
  const pairs = Object.entries(headers).flatMap(([header, values]) =>
    header.startsWith(extraPrefix) && values !== undefined ? [[keyOf(header), values] as const] : [],
  )
  return Object.fromEntries(pairs)
}

/** Keys are percent-encoded where a header cannot have them; one that is not is taken as it is. */
function keyOf(header: string): string {
  const key = header.slice(extraPrefix.length)
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

const serviceAccount = /^system:serviceaccount:([^:]+):([^:]+)$/

function serviceAccountGroups(name: string): string[] {
  const [, namespace] = serviceAccount.exec(name) ?? []
  return namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
}

function notAllowed(user: User, name: string): StatusError {
  const [, namespace, account] = serviceAccount.exec(name) ?? []
  const kind = account === undefined ? 'users' : 'serviceaccounts'
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const words = `User "${user.name}" cannot impersonate resource "${kind}" in API group "" ${where}`
  const whom = account ?? name
  return new StatusError(403, 'Forbidden', `${kind} "${whom}" is forbidden: ${words}`, { name: whom, kind })
}
