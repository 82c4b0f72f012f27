import { type Connection, loadKubeconfig } from '../../kube/kubeconfig.ts'
import { WeftError } from '../../model/error.ts'
import { type GivenApi, labFiles, replaceFile } from '../files.ts'

/**
 * Reads the kubeconfig of an API server that was there before the lab, and checks that nodes can use it.
 *
 * @throws WeftError KUBECONFIG_…, LAB_KUBECONFIG_PLUGIN
 */
export async function givenConnection(file: string): Promise<Connection> {
  const connection = await loadKubeconfig(file)
  if (connection.credentials === undefined) return connection
  throw new WeftError('the kubeconfig asks a program for its credentials, and in a node there is no network for it', {
    code: 'LAB_KUBECONFIG_PLUGIN',
    fault: 'user',
    where: file,
    remedy: "give one with a token or a client certificate, e.g. with what 'kubectl create token' prints",
  })
}

/**
 * Writes the kubeconfigs of a lab that uses a given API server: for the host as it is, for nodes with the forwarder's address. Both hold everything themselves,
 * since nodes do not see all files of the host.
 */
export async function writeGivenKubeconfigs(lab: string, { kubeconfig }: GivenApi, forwarder: string): Promise<void> {
  const connection = await givenConnection(kubeconfig)
  const files = labFiles(lab)
  replaceFile(files.nodeKubeconfig, kubeconfigOf(nodeConnection(connection, forwarder)))
  replaceFile(files.kubeconfig, kubeconfigOf(connection))
}

/** The same server by way of the forwarder; its certificate still has to be the server's. */
export function nodeConnection(connection: Connection, forwarder: string): Connection {
  const server = new URL(connection.server)
  server.host = new URL(forwarder).host
  const serverName = connection.serverName ?? hostOf(connection.server)
  return { ...connection, server: server.href.replace(/\/$/, ''), serverName }
}

/** Where the forwarder connects to, from the host's own network. */
export function serverOf({ server }: Pick<Connection, 'server'>): { host: string; port: number } {
  const { port, protocol } = new URL(server)
  return { host: hostOf(server), port: Number(port || (protocol === 'https:' ? 443 : 80)) }
}

/** Without the brackets around an IPv6 address. */
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '')

/** A kubeconfig (v1) that needs no other file; JSON is YAML. */
export function kubeconfigOf(connection: Connection): string {
  const { server, serverName, insecureSkipTLSVerify, ca, cert, key, token } = connection
  const cluster = {
    server,
    ...(serverName !== undefined && { 'tls-server-name': serverName }),
    ...(insecureSkipTLSVerify && { 'insecure-skip-tls-verify': true }),
    ...(ca !== undefined && { 'certificate-authority-data': base64(ca) }),
  }
  const user = {
    ...(cert !== undefined && { 'client-certificate-data': base64(cert) }),
    ...(key !== undefined && { 'client-key-data': base64(key) }),
    ...(token?.() !== undefined && { token: token() }),
  }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'given', cluster }],
    users: [{ name: 'given', user }],
    contexts: [{ name: 'given', context: { cluster: 'given', user: 'given' } }],
    'current-context': 'given',
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
