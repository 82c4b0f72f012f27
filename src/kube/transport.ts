import { type ClientRequest, request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Agents, keepAlive } from './agents.ts'
import type { Connection, Credentials } from './connection.ts'
import { Exchange } from './exchange.ts'

/** Query parameters; those that are undefined are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** One HTTP request to the API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute path below the server's, already escaped (`resourcePath`). */
  path: string
  query?: Query | undefined
  /** Sent as JSON. */
  body?: unknown
  contentType?: string
}

/** Connections to one API server: TLS, credentials, keep-alive; one `Exchange` a request. */
export class Transport {
  readonly #connection: Connection
  readonly #server: URL
  readonly #agents: Agents

  constructor(connection: Connection) {
    this.#connection = connection
    this.#server = new URL(connection.server)
    this.#agents = new Agents(connection)
  }

  /** Scheme, host and port: what network errors are about. */
  get origin(): string {
    return this.#server.origin
  }

  /** As whom to make the next request, where somebody has to be asked for that; undefined where not. Throws WeftError. */
  credentials(signal?: AbortSignal): Promise<Credentials> | undefined {
    return this.#connection.credentials?.current(signal)
  }

  /** The server answered 401. True if there will be other credentials. */
  refused(credentials: Credentials | undefined): boolean {
    if (!credentials || !this.#connection.credentials) return false
    this.#connection.credentials.refused(credentials)
    return true
  }

  /** Sends the request. The exchange must be finished by its owner. */
  open(call: Call, credentials?: Credentials, signal?: AbortSignal): Exchange {
    return new Exchange(this.#send(call, credentials), this.#describe(call), signal)
  }

  /** Destroys all connections; calls under way fail. */
  close(): void {
    this.#agents.destroy()
  }

  #send(call: Call, credentials: Credentials | undefined): ClientRequest {
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
    const send = this.#server.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send({
      agent: this.#agents.for(credentials),
      method: call.method,
      hostname: this.#server.hostname.replace(/^\[|\]$/g, ''),
      port: this.#server.port,
      path: this.#path(call),
      headers: this.#headers(call, body, credentials),
    })
    request.once('socket', keepAlive)
    request.end(body)
    return request
  }

  #path(call: Call): string {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) query.set(name, String(value))
    const path = this.#server.pathname.replace(/\/+$/, '') + call.path
    return query.size > 0 ? `${path}?${query.toString()}` : path
  }

  #headers(call: Call, body: Buffer | undefined, credentials: Credentials | undefined): OutgoingHttpHeaders {
    const token = credentials ? credentials.token : this.#connection.token?.()
    return {
      accept: 'application/json',
      'user-agent': 'weft',
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': call.contentType ?? 'application/json', 'content-length': body.length }),
    }
  }

  #describe(call: Call): { method: string; url: string; origin: string } {
    return { method: call.method, url: this.origin + this.#path(call), origin: this.origin }
  }
}
