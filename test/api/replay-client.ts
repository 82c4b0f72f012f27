import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { isMap, type Json } from '../../src/lab/api/access.ts'
import { afterSilence } from '../silence.ts'

export interface Sent {
  method: string
  path: string
  headers: Record<string, string>
  body: unknown
  /** Undefined: none. */
  token: string | undefined
}

export interface Received {
  status: number
  headers: Record<string, string | undefined>
  /** Parsed, where it is JSON. */
  body: unknown
}

export interface WatchReceived extends Received {
  events: Json[]
  ended: 'server closed' | 'client closed'
}

/** How long a watch may stay without the events that are expected, ms. */
const patienceMs = 2500

/** A plain client: what is sent and received is compared, so nothing may help. */
export class ReplayClient {
  readonly #agent: Agent
  readonly #url: URL

  constructor(url: string, ca: string) {
    this.#url = new URL(url)
    this.#agent = new Agent({ ca, keepAlive: true })
  }

  /** An answer that never comes is status 0, with the reason as its body. */
  send(sent: Sent): Promise<Received> {
    return new Promise((done) => {
      const fail = (error: Error): void => done({ status: 0, headers: {}, body: error.message })
      const outgoing = this.#open(sent, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', fail)
        response.on('end', () =>
          done({
            status: response.statusCode ?? 0,
            headers: response.headers as Received['headers'],
            body: parsed(Buffer.concat(chunks).toString('utf8')),
          }),
        )
      })
      outgoing.on('error', fail)
    })
  }

  /** Reads a watch until the server ends it, or until `enough`; `onEvents` is told how many there are. */
  watch(sent: Sent, wanted: number, closes: boolean, onEvents: (count: number) => void): Promise<WatchReceived> {
    return new Promise((done, fail) => {
      const outgoing = this.#open(sent, (response) => {
        const events: Json[] = []
        let text = ''
        const finish = (ended: WatchReceived['ended']): void => {
          stop()
          response.destroy()
          const headers = response.headers as Received['headers']
          const left = parsed(text)
          done({ status: response.statusCode ?? 0, headers, body: left, events, ended })
        }
        const seconds = Number(/timeoutSeconds=(\d+)/.exec(sent.path)?.[1] ?? 0)
        const stop = afterSilence(patienceMs + (closes ? 0 : seconds * 1000), () => finish('client closed'))
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8')
          if (response.statusCode !== 200) return
          const lines = text.split('\n')
          text = lines.pop() ?? ''
          const before = events.length
          for (const line of lines) events.push(JSON.parse(line) as Json)
          for (let count = before + 1; count <= events.length; count++) onEvents(count)
          if (closes && events.length >= wanted) finish('client closed')
        })
        response.on('error', fail)
        response.on('end', () => finish('server closed'))
        onEvents(0)
      })
      outgoing.on('error', fail)
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #open(sent: Sent, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const { method, path, body, token } = sent
    const text = body === null || body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    // Node sends the body of a DELETE without a length unless one is named.
    const headers = {
      ...sent.headers,
      'content-length': String(Buffer.byteLength(text)),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const outgoing = request(
      { host: this.#url.hostname, port: this.#url.port, method, path, headers, agent: this.#agent },
      onResponse,
    )
    outgoing.end(text)
    return outgoing
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export const isStatus = (value: unknown): value is Json => isMap(value) && value['kind'] === 'Status'
