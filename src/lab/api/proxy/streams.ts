import { mapOf } from '../access.ts'
import { isTrue } from '../request.ts'
import { badRequest } from '../status.ts'
import type { KubeObject } from '../types.ts'
import { containerOf } from './containers.ts'
import type { ConnectRequest, Stream } from './request.ts'

/** Flags of PodExecOptions and PodAttachOptions, and what a kubelet calls them (pkg/registry/core/pod/strategy.go). */
const flags = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const

/**
 * Path and query at the kubelet for exec, attach or portforward of a pod.
 *
 * @throws StatusError 400
 */
export function streamTarget(stream: Stream, pod: KubeObject, query: URLSearchParams): string {
  const { namespace = '', name } = pod.metadata
  if (stream === 'portforward') return `/portForward/${namespace}/${name}${ports(query)}`
  const container = containerOf(pod, query.get('container') ?? '')
  const passed = new URLSearchParams()
  for (const [ours, kubelets] of flags) if (isTrue(query.get(ours))) passed.set(kubelets, '1')
  if (!['input', 'output', 'error'].some((flag) => passed.has(flag)))
    throw badRequest('you must specify at least one of stdin, stdout, stderr')
  if (stream === 'attach') return `/attach/${namespace}/${name}/${container}?${passed.toString()}`
  const command = query.getAll('command')
  if (command.length === 0) throw badRequest('you must specify at least 1 command')
  for (const word of command) passed.append('command', word)
  return `/exec/${namespace}/${name}/${container}?${passed.toString()}`
}

/** Only the older way of WebSocket names the ports at once; they may be joined by commas. */
function ports(query: URLSearchParams): string {
  const asked = query.getAll('ports').flatMap((text) => text.split(','))
  return asked.length === 0 ? '' : `?${asked.map((port) => `port=${encodeURIComponent(port)}`).join('&')}`
}

/** @throws StatusError 400 for a pod that no node has */
export function checkBound(pod: KubeObject): void {
  if (!mapOf(pod['spec'])['nodeName']) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`)
}

export const isWebSocket = ({ message }: ConnectRequest): boolean =>
  message.headers.upgrade?.toLowerCase() === 'websocket'

const speaks = 'this API speaks WebSocket only, which kubectl does from 1.31 on'

/** What one is told who asks for anything but WebSocket (kubectl before 1.31: SPDY/3.1), with another way to the same end. */
export function onlyWebSocket(stream: Stream, { namespace, name, query }: ConnectRequest): Error {
  if (stream === 'portforward')
    return badRequest(
      `port-forward is not served over SPDY: ${speaks}. Use 'weft lab exec ${namespace}/${name} -- curl -s http://127.0.0.1:PORT/', or ask the pod's address from a namespace of the lab`,
    )
  if (stream === 'attach')
    return badRequest(`attach is not served over SPDY: ${speaks}. Use 'weft lab logs -f ${namespace}/${name}'`)
  const command = query.getAll('command').map(shellWord).join(' ')
  return badRequest(
    `exec is not served over SPDY: ${speaks}. Use 'weft lab exec ${namespace}/${name} -- ${command || 'COMMAND'}'`,
  )
}

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll(/["$`\\]/g, '\\$&')}"`
