import type { Connection } from './connection.ts'
import { execConfig } from './exec-config.ts'
import { ExecPlugin } from './exec-plugin.ts'
import type { KubeconfigFiles } from './kubeconfig-files.ts'
import type { KubeconfigSection } from './kubeconfig-section.ts'
import { type PemSources, rereading, textsOf } from './pem-files.ts'
import { tokenFromFile } from './token-file.ts'

/** Ways of authenticating that would be silently left out, and what to do instead. */
const unsupportedUserFields: Readonly<Record<string, string>> = {
  'auth-provider':
    'use a kubeconfig with a token or a client certificate; auth providers are gone from Kubernetes 1.26 on',
  username: 'use a token or a client certificate; passwords are gone from Kubernetes 1.19 on',
  as: 'use a kubeconfig of the user that is meant; impersonation is not done',
}

/**
 * The connection that the current context of a kubeconfig, or of several, describes.
 *
 * @throws WeftError KUBECONFIG_INVALID, KUBECONFIG_UNREADABLE, KUBECONFIG_UNSUPPORTED
 */
export function connectionOf(config: KubeconfigFiles): Connection {
  const context = config.named('contexts', config.currentContext, 'context')
  const cluster = config.named('clusters', context.required('cluster'), 'cluster')
  const userName = context.optional('user')
  const user = userName ? config.named('users', userName, 'user') : undefined
  const namespace = context.optional('namespace')
  const ca = cluster.pem('certificate-authority')
  const pems = { ca, ...(user && certificatePems(user)) }
  const reread = rereading(pems)
  return {
    ...clusterPart(cluster, ca !== undefined),
    ...textsOf(pems),
    ...(user && whoPart(user, cluster, ca?.text)),
    ...(namespace && { namespace }),
    ...(reread && { reread }),
  }
}

function clusterPart(cluster: KubeconfigSection, hasCa: boolean): Connection {
  if (cluster.optional('proxy-url'))
    throw cluster.unsupported('proxy-url', 'reach the API without a proxy, or through a port that is forwarded')
  const insecure = cluster.flag('insecure-skip-tls-verify')
  if (hasCa && insecure)
    throw cluster.invalid('insecure-skip-tls-verify', 'contradicts certificate-authority', 'remove one of the two')
  const serverName = cluster.optional('tls-server-name')
  return {
    server: serverUrl(cluster),
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

function certificatePems(user: KubeconfigSection): PemSources {
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
  return { ...(cert && { cert }), ...(key && { key }) }
}

/** A token goes before a plugin, as in kubectl. */
function whoPart(user: KubeconfigSection, cluster: KubeconfigSection, ca: string | undefined): Partial<Connection> {
  for (const [field, remedy] of Object.entries(unsupportedUserFields))
    if (user.has(field)) throw user.unsupported(field, remedy)
  const plugin = user.has('exec') ? new ExecPlugin(execConfig(user.section('exec'), cluster, ca)) : undefined
  const token = tokenPart(user)
  return plugin && !token.token ? { credentials: plugin } : token
}

/** A tokenFile goes before a token, as in kubectl. */
function tokenPart(user: KubeconfigSection): Partial<Connection> {
  const file = user.optional('tokenFile')
  if (file) return { token: tokenFromFile(user.resolve(file), (path) => user.readFile('tokenFile', path)) }
  const token = user.optional('token')?.trim()
  return token ? { token: () => token } : {}
}
