import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Refusal } from './refusal.ts'

/** Whom a request comes from. */
export interface Asker {
  name: string
  groups: readonly string[]
}

/** What a kubelet asks the API about those who ask it. */
export interface Reviews {
  /** TokenReview (authentication.k8s.io/v1). Undefined: it is nobody's token. */
  userOf(token: string): Promise<Asker | undefined>
  /** SubjectAccessReview (authorization.k8s.io/v1) of a subresource of this node. */
  mayAccess(user: Asker, verb: string, subresource: string): Promise<boolean>
}

/** The group of the API server's own client certificate. */
const masters = 'system:masters'

/** Subresource of nodes that a path stands for (Kubernetes, "Kubelet authentication/authorization"). */
function subresourceOf(path: string): string {
  const first = path.split('/')[1] ?? ''
  return ownSubresources.get(first) ?? 'proxy'
}

const ownSubresources: ReadonlyMap<string, string> = new Map([
  ['stats', 'stats'],
  ['metrics', 'metrics'],
  ['logs', 'log'],
  ['spec', 'spec'],
])

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/**
 * Lets a request pass that the API server makes, known by its certificate, or somebody with a token whom the API lets access this node. There is no path for
 * anybody else: pods can reach this port.
 *
 * @throws Refusal 401, 403
 */
export async function checkAccess(message: IncomingMessage, path: string, reviews: Reviews): Promise<void> {
  const user = certificateUser(message.socket as TLSSocket) ?? (await tokenUser(message, reviews))
  if (user === undefined) throw new Refusal(401, 'Unauthorized')
  if (user.groups.includes(masters)) return
  const verb = verbs[message.method ?? ''] ?? 'get'
  const subresource = subresourceOf(path)
  if (await reviews.mayAccess(user, verb, subresource)) return
  throw new Refusal(403, `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource=${subresource})`)
}

/** A certificate counts only if the cluster's CA has signed it for clients, which TLS has checked. */
function certificateUser(socket: TLSSocket): Asker | undefined {
  if (!socket.authorized) return undefined
  const { CN, O } = (socket.getPeerCertificate().subject ?? {}) as { CN?: string; O?: string | string[] }
  return CN === undefined ? undefined : { name: CN, groups: O === undefined ? [] : [O].flat() }
}

async function tokenUser({ headers }: IncomingMessage, reviews: Reviews): Promise<Asker | undefined> {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  return token === undefined ? undefined : reviews.userOf(token)
}
