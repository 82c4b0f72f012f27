import { request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { listOf, mapOf, textOf } from '../access.ts'
import type { Identity } from '../certificates.ts'
import { internalError } from '../status.ts'
import type { KubeObject } from '../types.ts'
import { connectedTls, type Dial, type DialTarget, hostPort } from './dial.ts'

const usualPort = 10250

/**
 * Where a node's kubelet listens: its first InternalIP (else another address), and the port of its status
 * (pkg/kubelet/client: NodeConnectionInfoGetter).
 *
 * @throws StatusError 500 for a node that has no address yet
 */
export function kubeletOf(node: KubeObject): DialTarget {
  const status = mapOf(node['status'])
  const addresses = listOf(status['addresses'])
  const ofType = (type: string) => textOf(addresses.find((entry) => entry['type'] === type)?.['address'])
  const address = ofType('InternalIP') || ofType('ExternalIP')
  if (address === '') throw internalError('no preferred addresses found; known addresses: []')
  const port: unknown = mapOf(mapOf(status['daemonEndpoints'])['kubeletEndpoint'])['Port']
  return { address, port: typeof port === 'number' && port > 0 ? port : usualPort }
}

/** The kubelets of the cluster, asked as the API server asks them: over TLS, with its certificate. */
export class Kubelets {
  readonly #dial: Dial
  readonly #identity: Identity

  constructor(dial: Dial, identity: Identity) {
    this.#dial = dial
    this.#identity = identity
  }

  /** @throws StatusError 500 with what the network said */
  async connect(node: KubeObject): Promise<TLSSocket> {
    try {
      return await connectedTls(this.#dial, kubeletOf(node), this.#identity)
    } catch (error) {
      throw internalError(`error dialing backend: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** Sends a GET; the answer is read by the caller. @throws StatusError 500 */
  async get(node: KubeObject, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const socket = await this.connect(node)
    const outgoing = httpsRequest({
      path,
      signal,
      headers: { host: hostPort(kubeletOf(node)) },
      createConnection: () => socket,
    })
    return new Promise((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.once('error', (error) => reject(internalError(`Get "${path}": ${error.message}`)))
      outgoing.end()
    })
  }
}
