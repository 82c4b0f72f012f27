import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { WeftError } from '../model/error.ts'
import type { Connection } from './connection.ts'
import { rereading, textsOf } from './pem-files.ts'
import { tokenFromFile } from './token-file.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Whether the kubelet gave this process the API's address. */
export const isInCluster = (env: Env): boolean => Boolean(env['KUBERNETES_SERVICE_HOST'])

/**
 * The connection of a pod's service account. Source: "Accessing the Kubernetes API from a Pod" in the Kubernetes documentation.
 *
 * @throws WeftError KUBECONFIG_UNREADABLE if the service account is not mounted
 */
export function inClusterConnection(environment: { env: Env; serviceAccountDir: string }): Connection {
  const { env, serviceAccountDir: dir } = environment
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = env['KUBERNETES_SERVICE_PORT'] || '443'
  const namespace = readOptional(join(dir, 'namespace'))
  const caFile = join(dir, 'ca.crt')
  const pems = { ca: { text: readMounted(caFile), file: caFile } }
  const reread = rereading(pems)
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ...textsOf(pems),
    token: tokenFromFile(join(dir, 'token'), readMounted),
    ...(namespace && { namespace }),
    ...(reread && { reread }),
  }
}

function readMounted(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new WeftError(`the pod's service account cannot be read: ${(cause as Error).message}`, {
      code: 'KUBECONFIG_UNREADABLE',
      fault: 'user',
      where: file,
      remedy: 'let the pod mount its service account (automountServiceAccountToken), or name a kubeconfig',
      cause,
    })
  }
}

function readOptional(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}
