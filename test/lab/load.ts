import type { Socket } from 'node:net'
import type { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectTcp } from '../../src/kernel/sockets.ts'

interface Destination {
  address: string
  port: number
}

/** Short connections, one after the other, until stopped. */
export interface Load {
  /** When the last request succeeded, by performance.now(); 0: none has. */
  lastOk(): number
  stop(): Promise<{ done: number; failed: number; failures: string[] }>
}

const requestTimeoutMs = 5_000

/** Takes the namespace over. */
export function startLoad(namespace: NetworkNamespace, to: Destination): Load {
  let [done, failed, lastOk] = [0, 0, 0]
  const stopping = new AbortController()
  const failures = new Set<string>()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const error = await request(namespace, to)
      if (error === undefined) {
        done++
        lastOk = performance.now()
      } else {
        failed++
        failures.add(error)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    namespace.close()
  })()
  return {
    lastOk: () => lastOk,
    stop: async () => {
      stopping.abort()
      await running
      return { done, failed, failures: [...failures] }
    },
  }
}

/** @returns what went wrong */
function request(namespace: NetworkNamespace, to: Destination): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTcp(namespace, to)
    let text = ''
    let error: string | undefined
    socket.setTimeout(requestTimeoutMs, () => socket.destroy(new Error('no answer in time')))
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'))
    socket.on('data', (data: Buffer) => (text += data.toString()))
    socket.on('error', (cause) => (error = cause.message))
    socket.on('close', () => resolve(error ?? (text.startsWith('HTTP/1.1 200') ? undefined : `answered "${text}"`)))
  })
}

/** One connection that is kept. */
export interface SteadyConnection {
  /** Asks once; resolves to the pod that answered. @throws if the connection is gone or silent */
  ask(): Promise<string>
  close(): void
}

export async function steadyConnection(namespace: NetworkNamespace, to: Destination): Promise<SteadyConnection> {
  const socket: Socket = connectTcp(namespace, to)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the connection is silent')), 10_000)
      const answer = (data: Buffer): void => {
        clearTimeout(late)
        resolve(/"pod":"([^"]+)"/.exec(data.toString())?.[1] ?? '')
      }
      socket.once('data', answer)
      socket.once('error', reject)
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    })
  return {
    ask,
    close: () => {
      socket.destroy()
      namespace.close()
    },
  }
}
