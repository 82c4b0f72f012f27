import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { createWebSocketStream, type WebSocket } from 'ws'
import { NetworkNamespace } from '../../../kernel/namespaces.ts'
import { connectTcp } from '../../../kernel/sockets.ts'
import { connected, type Dial } from '../../api/proxy/dial.ts'
import { SpdyConnection, type SpdyStream } from './spdy/connection.ts'
import { PortChannel } from './port-channel.ts'

/**
 * Subprotocols for port-forward: SPDY frames inside of messages (kubectl since 1.31), and a pair of channels for each port that the query names (other
 * clients).
 */
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'
export const portForwardProtocols = [tunnelProtocol, 'v4.channel.k8s.io'] as const

/** What is forwarded to: the network of a pod. */
export interface ForwardTarget {
  podUid: string
  netnsPath: string
}

/** Serves a WebSocket until it closes. @throws WeftError SPDY_MALFORMED; KernelError if the pod's namespace is gone */
export async function forwardPorts(
  socket: WebSocket,
  protocol: string,
  ports: readonly number[],
  target: ForwardTarget,
): Promise<void> {
  const namespace = NetworkNamespace.open(target.netnsPath)
  const forward: Forward = (port, data, errors) => void forwardOne(namespace, target, port, data, errors)
  try {
    if (protocol === tunnelProtocol) await overSpdy(socket, forward)
    else await overChannels(socket, ports, forward)
  } finally {
    namespace.close()
  }
}

type Forward = (port: number, data: Duplex, errors: Duplex) => void

/** A connection is two streams with one request id: one for errors, one for data. */
function overSpdy(socket: WebSocket, forward: Forward): Promise<void> {
  const waiting = new Map<string, SpdyStream>()
  const connection = new SpdyConnection(createWebSocketStream(socket), (stream) => {
    const { streamtype, requestid = '', port = '' } = stream.headers
    const other = waiting.get(requestid)
    if (other === undefined) {
      waiting.set(requestid, stream)
      stream.once('close', () => waiting.delete(requestid))
      return
    }
    waiting.delete(requestid)
    const [data, errors] = streamtype === 'data' ? [stream, other] : [other, stream]
    forward(Number(port), data, errors)
  })
  return connection.run()
}

function overChannels(socket: WebSocket, ports: readonly number[], forward: Forward): Promise<void> {
  const channels = ports.flatMap((port, i) => [
    new PortChannel(socket, 2 * i, port),
    new PortChannel(socket, 2 * i + 1, port),
  ])
  socket.on('message', (data: Buffer) => channels[data[0] ?? 0]?.receive(data.subarray(1)))
  ports.forEach((port, i) => forward(port, channels[2 * i] as PortChannel, channels[2 * i + 1] as PortChannel))
  return new Promise((resolve) => {
    socket.once('close', () => {
      for (const channel of channels) channel.hangUp()
      resolve()
    })
  })
}

async function forwardOne(
  namespace: NetworkNamespace,
  { podUid }: ForwardTarget,
  port: number,
  data: Duplex,
  errors: Duplex,
): Promise<void> {
  for (const stream of [data, errors]) stream.on('error', () => {})
  // Nothing comes here but its end, without which the stream is never done with.
  errors.resume()
  try {
    join(data, await connectLocally(namespace, port), errors)
  } catch (error) {
    errors.end(`error forwarding port ${port} to pod ${podUid}: ${(error as Error).message}`)
    data.end()
    data.resume()
  }
}

/** Joins a client's stream with a connection to the pod. Each side may end first, and what it has said before that arrives. */
export function join(data: Duplex, socket: Socket, errors: Duplex): void {
  socket.allowHalfOpen = true
  socket.once('close', () => {
    errors.end()
    // What the client still sends goes nowhere. Left unread, it would hold up all other streams.
    data.resume()
  })
  if (data.destroyed) return void socket.destroy()
  data.once('close', () => (data.readableEnded ? socket.destroySoon() : socket.destroy()))
  // A pod that has ended its side may refuse more input: its answer is on the way nevertheless.
  socket.on('error', () => void (socket.readableEnded || data.destroy()))
  data.pipe(socket).pipe(data)
}

/** To what listens in the pod on localhost, of either family. @throws Error in the words of Go's dialer */
async function connectLocally(namespace: NetworkNamespace, port: number): Promise<Socket> {
  const dial: Dial = (target) => connectTcp(namespace, target)
  try {
    return await connected(dial, { address: '127.0.0.1', port })
  } catch (error) {
    return connected(dial, { address: '::1', port }).catch(() => Promise.reject(error as Error))
  }
}
