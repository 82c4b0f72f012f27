import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { LogStream } from '../containers/log-file.ts'
import type { Pod } from '../pod.ts'
import type { ContainerPlace } from '../runtime.ts'
import { type Channels, channelsOn, failureStatus } from './channels.ts'
import { ContainerLogs, logOptions } from './container-logs.ts'
import { execIn } from './exec.ts'
import { sendAll } from './http.ts'
import type { NodeRuntime } from './node-runtime.ts'
import { containerStatus, findPod, type PodsOfNode } from './pods.ts'
import { forwardPorts } from './port-forward.ts'
import { Refusal } from './refusal.ts'

/** How often is looked whether a pod is still there whose ports are forwarded. */
const lookForPodMs = 1_000

/** Pod and container of a path such as `/exec/NAMESPACE/POD/CONTAINER`. */
export interface Place {
  namespace: string
  pod: string
  container: string
}

/** What a path with a container, or a pod, leads to. */
export class PodHandlers {
  readonly #pods: PodsOfNode
  readonly #runtime: NodeRuntime
  readonly #logs: ContainerLogs

  constructor(pods: PodsOfNode, runtime: NodeRuntime) {
    this.#pods = pods
    this.#runtime = runtime
    this.#logs = new ContainerLogs(pods, runtime.logPath)
  }

  /** All pods of the node, or those that run, as a PodList. */
  list(running: boolean): object {
    const items = [...this.#pods()].filter(({ status }) => !running || status?.phase === 'Running')
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items }
  }

  /** @throws Refusal 400, 404 */
  async log(place: Place, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const pod = findPod(this.#pods, place.namespace, place.pod)
    const options = logOptions(query, new Date())
    const pieces = this.#logs.read(pod, place.container, options, gone.signal)
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.flushHeaders()
    await sendAll(response, pieces)
  }

  /** Runs a program, and says on the socket how that went: the words of an answer to the upgrade would not reach the user. */
  async exec(socket: WebSocket, place: Place, query: URLSearchParams): Promise<void> {
    const channels = channelsOn(socket)
    const request = { command: query.getAll('command'), stdin: flag(query, 'input'), tty: flag(query, 'tty') }
    await this.#finishing(channels, place, async (pod) => {
      const status = await execIn(this.#enter(pod, place.container), request, channels, untilClosed(socket))
      await channels.finish(status)
    })
  }

  /** Shows what a container says from now on, and passes on what it is to read, if it reads (`stdin: true`). */
  async attach(socket: WebSocket, place: Place, query: URLSearchParams): Promise<void> {
    const channels = channelsOn(socket)
    await this.#finishing(channels, place, async (pod) => {
      this.#enter(pod, place.container)
      const write = (stream: LogStream, chunk: Buffer) => writeTo(channels[shown(stream, query)], chunk)
      const ended = this.#logs.attach(pod, place.container, write, untilClosed(socket))
      // Only now: nothing is missed of what the input leads to.
      if (flag(query, 'input')) this.#feed(pod, place.container, channels)
      await ended
      await channels.finish({ metadata: {}, status: 'Success' })
    })
  }

  #feed(pod: Pod, name: string, { stdin }: Channels): void {
    const { uid } = pod.metadata
    const input = this.#runtime.openInput(uid, name)
    // It reads nothing: neither does a real one.
    if (input === undefined) return void stdin.resume()
    const once = pod.spec.containers.some((container) => container.name === name && container.stdinOnce === true)
    input.on('error', () => stdin.resume())
    input.once('finish', () => {
      input.destroy()
      if (once) this.#runtime.endInput(uid, name)
    })
    stdin.pipe(input)
  }

  async portForward(
    socket: WebSocket,
    protocol: string,
    place: Omit<Place, 'container'>,
    query: URLSearchParams,
  ): Promise<void> {
    const pod = findPod(this.#pods, place.namespace, place.pod)
    const netnsPath = this.#runtime.netnsPath(pod)
    const ports = query.getAll('port').map(Number)
    const { uid: podUid } = pod.metadata
    // kubectl says that it has lost the pod, and ends. It would wait for ever for a network that nobody is in.
    const looking = setInterval(() => this.#has(podUid) || socket.close(), lookForPodMs)
    try {
      await forwardPorts(socket, protocol, ports, { podUid, netnsPath })
    } finally {
      clearInterval(looking)
    }
  }

  #has(podUid: string): boolean {
    for (const { metadata } of this.#pods()) if (metadata.uid === podUid) return true
    return false
  }

  /** @throws Refusal 404, in the words of a real kubelet */
  #enter(pod: Pod, container: string): ContainerPlace {
    const ended = containerStatus(pod, container)?.state?.terminated !== undefined
    const place = ended ? undefined : this.#runtime.enter(pod.metadata.uid, container)
    if (place === undefined) throw new Refusal(404, `container not found ("${container}")`)
    return place
  }

  async #finishing(channels: Channels, place: Place, work: (pod: Pod) => Promise<void>): Promise<void> {
    try {
      await work(findPod(this.#pods, place.namespace, place.pod))
    } catch (error) {
      await channels.finish(failureStatus(error instanceof Error ? error.message : String(error)))
    }
  }
}

/** Who did not ask for standard error (it is asked for a terminal) gets all on one stream. */
const shown = (stream: LogStream, query: URLSearchParams): LogStream => (flag(query, 'error') ? stream : 'stdout')

/** Resolves when it has left, or nobody is there any more. */
const writeTo = (stream: Writable, chunk: Buffer): Promise<void> =>
  new Promise((resolve) => stream.write(chunk, () => resolve()))

const flag = (query: URLSearchParams, name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '')

function untilClosed(socket: WebSocket): AbortSignal {
  const closed = new AbortController()
  socket.once('close', () => closed.abort())
  if (socket.readyState > socket.OPEN) closed.abort()
  return closed.signal
}
