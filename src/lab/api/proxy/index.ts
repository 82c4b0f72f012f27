import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { mapOf, textOf } from '../access.ts'
import type { Identity } from '../certificates.ts'
import { badRequest, notFound } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { containerOf } from './containers.ts'
import { type Dial, hostPort } from './dial.ts'
import { Kubelets, kubeletOf } from './kubelet.ts'
import { answerLog } from './log.ts'
import { relay } from './relay.ts'
import type { ConnectRequest } from './request.ts'
import { ReverseProxy } from './reverse-proxy.ts'
import { checkBound, isWebSocket, onlyWebSocket, streamTarget } from './streams.ts'

export { connectRequest } from './request.ts'

/** Answers what is not the API server's own to answer: logs, exec, attach, port-forward and proxied requests. */
export class Connector {
  readonly #store: MemoryStore
  readonly #kubelets: Kubelets
  readonly #proxy: ReverseProxy

  constructor(store: MemoryStore, dial: Dial, identity: Identity) {
    this.#store = store
    this.#kubelets = new Kubelets(dial, identity)
    this.#proxy = new ReverseProxy(store, dial, identity)
  }

  /** Writes the answer. @throws StatusError before anything is written */
  async answer(request: ConnectRequest, response: ServerResponse): Promise<void> {
    if (request.subresource === 'proxy') return this.#proxy.answer(request, response)
    const pod = this.#pod(request)
    if (request.subresource !== 'log') throw badRequest('Upgrade request required')
    const container = containerOf(pod, request.query.get('container') ?? '')
    await answerLog({ pod, container, node: this.#nodeOf(pod) }, request.query, this.#kubelets, response)
  }

  /**
   * Joins the client, whose connection was taken out of HTTP, with whom it wants to speak to.
   *
   * @param take hands over the client's connection; until it is called errors go out as an answer
   * @throws StatusError
   */
  async upgrade(request: ConnectRequest, head: Buffer, take: () => Socket): Promise<void> {
    const { subresource, message } = request
    if (subresource === 'proxy') return this.#proxy.upgrade(request, head, take)
    const pod = this.#pod(request)
    if (subresource === 'log') throw badRequest('a log is not sent over an upgraded connection')
    checkBound(pod)
    const target = streamTarget(subresource, pod, request.query)
    const node = this.#nodeOf(pod)
    if (node === undefined) throw notFound(nodes, '')
    // Before the words about SPDY: a new kubectl falls back to it when its first try fails, and should show that failure.
    const kubelet = await this.#kubelets.connect(node)
    if (!isWebSocket(request)) {
      kubelet.destroy()
      throw onlyWebSocket(subresource, request)
    }
    relay(take(), head, kubelet, { message, target, host: hostPort(kubeletOf(node)) })
  }

  #pod({ namespace, name }: ConnectRequest): KubeObject {
    const pod = this.#store.get('pods', namespace, name)
    if (pod === undefined) throw notFound({ group: '', plural: 'pods', kind: 'Pod' }, name)
    return pod
  }

  /** Undefined: the pod is not bound. */
  #nodeOf(pod: KubeObject): KubeObject | undefined {
    const name = textOf(mapOf(pod['spec'])['nodeName'])
    if (name === '') return undefined
    const node = this.#store.get('nodes', undefined, name)
    if (node === undefined) throw notFound(nodes, name)
    return node
  }
}

const nodes = { group: '', plural: 'nodes', kind: 'Node' } as const
