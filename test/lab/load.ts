import type { Socket } from 'node:net'
import type { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectTcp } from '../../src/kernel/sockets.ts'
import { afterSilence } from '../silence.ts'

interface Destination {
  address: string
  port: number
}

/** Short connections, one after the other, until stopped. */
export interface Load {
  /** How many requests have succeeded. */
  done(): number
  stop(): Promise<{ failed: number; failures: string[] }>
}

/** A request counts as failed after so long; one whose packet was dropped never comes back. */
const requestTimeoutMs = 10_000

/** Takes the namespace over. */
export function startLoad(namespace: NetworkNamespace, to: Destination): Load {
  let [done, failed] = [0, 0]
  const stopping = new AbortController()
  const failures = new Set<string>()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const error = await request(namespace, to)
      if (error === undefined) done++
      else {
        failed++
        failures.add(error)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    namespace.close()
  })()
  return {
    done: () => done,
    stop: async () => {
      stopping.abort()
      await running
      return { failed, failures: [...failures] }
    },
  }
}

/** @returns what went wrong */
function request(namespace: NetworkNamespace, to: Destination): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTcp(namespace, to)
    let text = ''
    let error: string | undefined
    const stop = afterSilence(requestTimeoutMs, () => socket.destroy(new Error('no answer in time')))
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'))
    socket.on('data', (data: Buffer) => (text += data.toString()))
    socket.on('error', (cause) => (error = cause.message))
    socket.on('close', () => {
      stop()
      resolve(error ?? (text.startsWith('HTTP/1.1 200') ? undefined : `answered "${text}"`))
    })
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
      const stop = afterSilence(requestTimeoutMs, () => reject(new Error('the connection is silent')))
      const answer = (data: Buffer): void => {
        stop()
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
