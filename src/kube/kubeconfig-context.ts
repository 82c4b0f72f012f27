import type { Connection } from './connection.ts'
import { KubeconfigSection } from './kubeconfig-section.ts'
import { tokenFromFile } from './token-file.ts'

/** Ways of authenticating that would be silently left out, and what to do instead. */
const unsupportedUserFields: Readonly<Record<string, string>> = {
  exec: 'use a kubeconfig with a token or a client certificate; credential plugins (exec) are not run',
  'auth-provider':
    'use a kubeconfig with a token or a client certificate; auth providers are gone from Kubernetes 1.26 on',
  username: 'use a token or a client certificate; passwords are gone from Kubernetes 1.19 on',
  as: 'use a kubeconfig of the user that is meant; impersonation is not done',
}

/**
 * The connection that a parsed kubeconfig's current context describes. Paths in it are relative to `file`.
 *
 * @throws WeftError KUBECONFIG_INVALID, KUBECONFIG_UNREADABLE, KUBECONFIG_UNSUPPORTED
 */
export function connectionOf(parsed: unknown, file: string): Connection {
  const root = KubeconfigSection.root(parsed, file)
  const context = root.named('contexts', root.required('current-context'), 'context')
  const cluster = root.named('clusters', context.required('cluster'), 'cluster')
  const userName = context.optional('user')
  const namespace = context.optional('namespace')
  return {
    ...clusterPart(cluster),
    ...(userName && userPart(root.named('users', userName, 'user'))),
    ...(namespace && { namespace }),
  }
}

function clusterPart(cluster: KubeconfigSection): Connection {
  if (cluster.optional('proxy-url'))
    throw cluster.unsupported('proxy-url', 'reach the API without a proxy, or through a port that is forwarded')
  const ca = cluster.pem('certificate-authority')
  const insecure = cluster.flag('insecure-skip-tls-verify')
  if (ca && insecure)
    throw cluster.invalid('insecure-skip-tls-verify', 'contradicts certificate-authority', 'remove one of the two')
  const serverName = cluster.optional('tls-server-name')
  return {
    server: serverUrl(cluster),
    ...(ca && { ca }),
    ...(serverName && { serverName }),
    ...(insecure && { insecureSkipTLSVerify: true }),
  }
}

function serverUrl(cluster: KubeconfigSection): string {
  const text = cluster.required('server')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.host && (url.protocol === 'https:' || url.protocol === 'http:')) return text.replace(/\/+$/, '')
  throw cluster.invalid('server', `is no URL ("${text}")`, 'write it as https://HOST:PORT')
}

function userPart(user: KubeconfigSection): Partial<Connection> {
  for (const [field, remedy] of Object.entries(unsupportedUserFields))
    if (user.has(field)) throw user.unsupported(field, remedy)
  return { ...certificatePart(user), ...tokenPart(user) }
}

function certificatePart(user: KubeconfigSection): Partial<Connection> {
  const cert = user.pem('client-certificate')
  const key = user.pem('client-key')
  if (cert && !key)
    throw user.invalid('client-key', 'is missing beside client-certificate', 'add client-key or client-key-data')
  if (key && !cert)
    throw user.invalid(
      'client-certificate',
      'is missing beside client-key',
      'add client-certificate or client-certificate-data',
    )
  return cert && key ? { cert, key } : {}
}

/** A tokenFile goes before a token, as in kubectl. */
function tokenPart(user: KubeconfigSection): Partial<Connection> {
  const file = user.optional('tokenFile')
  if (file) return { token: tokenFromFile(user.resolve(file), (path) => user.readFile('tokenFile', path)) }
  const token = user.optional('token')?.trim()
  return token ? { token: () => token } : {}
}
