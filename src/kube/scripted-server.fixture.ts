import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** Answers one request; takes as long as it likes. */
export type Answer = (request: ScriptedRequest, response: ServerResponse) => void

export interface ScriptedRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: string
  /** Common name of the client's certificate, if it showed one that the server trusts. */
  clientName?: string | undefined
}

/** An API server for tests that does what a script says, also what no real one would do on demand. */
export class ScriptedServer {
  /** All requests in the order in which they came. */
  readonly requests: ScriptedRequest[] = []
  /** Who answers; may be replaced at any time. */
  answer: Answer = (_request, response) => json(response, 404, status(404, 'NotFound', 'nothing is scripted'))
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #scheme: string

  constructor(tls?: ServerOptions) {
    this.#scheme = tls ? 'https' : 'http'
    this.#server = tls ? createTlsServer(tls) : createServer()
    // A connection that is kept is given up by its client, however long the machine stands still: a request never meets a closing one.
    this.#server.keepAliveTimeout = 0
    this.#server.on('request', (request, response) => void this.#take(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Watches among the requests. */
  get watches(): ScriptedRequest[] {
    return this.requests.filter((request) => request.query.get('watch') === 'true')
  }

  /** Lists among the requests. */
  get lists(): ScriptedRequest[] {
    return this.requests.filter((request) => request.method === 'GET' && !request.query.has('watch'))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const url = new URL(request.url ?? '/', 'http://scripted')
    const { method = '', headers } = request
    const scripted = {
      method,
      path: url.pathname,
      query: url.searchParams,
      headers,
      body,
      clientName: clientName(request),
    }
    this.requests.push(scripted)
    this.answer(scripted, response)
  }
}

function clientName({ socket }: IncomingMessage): string | undefined {
  const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>
  return authorized ? String(getPeerCertificate?.call(socket as TLSSocket).subject.CN) : undefined
}

export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** A Status body as a real server writes it. */
export const status = (code: number, reason: string, message: string, more: object = {}): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  ...(reason && { reason }),
  code,
  ...more,
})

/** Accepts a watch; what follows is up to the script. */
export function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
}

export const eventLine = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`
