import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'
import { WeftError } from '../model/error.ts'
import type { Connection } from './connection.ts'
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

/**
 * A peer that vanishes without a word is noticed within this and ten seconds more: libuv asks every second then, ten times (uv__tcp_keepalive).
 * Watches, silent by nature, rely on it.
 */
const KEEP_ALIVE_MILLISECONDS = 30_000

/** Idle connections are given up before the API server does so itself (after 90 s), so that no request meets a closing one. */
const IDLE_SOCKET_MILLISECONDS = 55_000

/** Connections to one API server: TLS, credentials, keep-alive; one `Exchange` a request. */
export class Transport {
  readonly #connection: Connection
  readonly #server: URL
  readonly #agent: HttpAgent

  constructor(connection: Connection) {
    this.#connection = connection
    this.#server = new URL(connection.server)
    this.#agent = makeAgent(this.#server, connection)
  }

  /** Scheme, host and port: what network errors are about. */
  get origin(): string {
    return this.#server.origin
  }

  /** Sends the request. The exchange must be finished by its owner. */
  open(call: Call, signal?: AbortSignal): Exchange {
    return new Exchange(this.#send(call), this.#describe(call), signal)
  }

  /** Destroys all connections; calls under way fail. */
  close(): void {
    this.#agent.destroy()
  }

  #send(call: Call): ClientRequest {
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
    const send = this.#server.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send({
      agent: this.#agent,
      method: call.method,
      hostname: this.#server.hostname.replace(/^\[|\]$/g, ''),
      port: this.#server.port,
      path: this.#path(call),
      headers: this.#headers(call, body),
    })
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

  #headers(call: Call, body: Buffer | undefined): OutgoingHttpHeaders {
    const token = this.#connection.token?.()
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

function makeAgent(server: URL, connection: Connection): HttpAgent {
  const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MILLISECONDS, timeout: IDLE_SOCKET_MILLISECONDS }
  if (server.protocol !== 'https:') return new HttpAgent(options)
  const { serverName, insecureSkipTLSVerify } = connection
  return new HttpsAgent({
    ...options,
    secureContext: tlsContext(connection),
    ...(serverName && { servername: serverName }),
    rejectUnauthorized: !insecureSkipTLSVerify,
  })
}

/** Made once: bad PEM is found here and not at some later connection, and the CA bundle is parsed a single time. */
function tlsContext({ ca, cert, key, server }: Connection): SecureContext {
  try {
    return createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
  } catch (cause) {
    throw new WeftError(`the certificates for the API server cannot be used: ${(cause as Error).message}`, {
      code: 'API_TLS_INVALID',
      fault: 'user',
      where: server,
      remedy:
        'check certificate-authority, client-certificate and client-key: each must be PEM, and the key that of the certificate',
      cause,
    })
  }
}
