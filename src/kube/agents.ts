import { Agent as HttpAgent } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, createSecureContext, type SecureContext } from 'node:tls'
import { WeftError } from '../model/error.ts'
import type { Connection, Credentials, TlsMaterial } from './connection.ts'

/**
 * A peer that vanishes without a word is noticed within this and ten seconds more: libuv asks every second then, ten times (uv__tcp_keepalive).
 * Watches, silent by nature, rely on it.
 */
const KEEP_ALIVE_MILLISECONDS = 30_000

/**
 * Asks for these probes on a connection that is new. Node does so for plain connections (Agent.createConnection), and for those of TLS only when they have been idle: the connection
 * of a watch never is. Before there is a connection libuv would note the wish, and take a minute.
 */
export function keepAlive(socket: Socket): void {
  if (socket.connecting) socket.once('connect', () => socket.setKeepAlive(true, KEEP_ALIVE_MILLISECONDS))
}

/** Idle connections are given up before the API server does so itself (after 90 s), so that no request meets a closing one. */
const IDLE_SOCKET_MILLISECONDS = 55_000

/**
 * How long one of several addresses of the server's name is tried before the next. Node gives up each but the last after 250 ms: a quarter of what one lost packet costs, and less than a
 * round trip to some places. With the last address out of reach none would ever answer.
 */
const CONNECT_MILLISECONDS = 5_000

/**
 * Kept connections to one server. When CA, certificate or key change, new requests go over new connections; what is under way (a watch, ten
 * minutes at most) ends on the old ones.
 */
export class Agents {
  readonly #connection: Connection
  readonly #isTls: boolean
  #material: TlsMaterial
  #agent: HttpAgent
  #retired: HttpAgent[] = []

  /** @throws WeftError API_TLS_INVALID */
  constructor(connection: Connection) {
    this.#connection = connection
    this.#isTls = new URL(connection.server).protocol === 'https:'
    this.#material = this.#materialFor(undefined)
    this.#agent = this.#make(this.#material)
  }

  /** The one to send a request with. @throws WeftError API_TLS_INVALID if a certificate that was just issued cannot be used */
  for(credentials: Credentials | undefined): HttpAgent {
    const material = this.#materialFor(credentials)
    if (!this.#isTls || same(material, this.#material)) return this.#agent
    try {
      this.#replace(material)
    } catch (error) {
      // Files are replaced one by one: a certificate may be ahead of its key for a moment.
      if (credentials?.cert) throw error
    }
    return this.#agent
  }

  destroy(): void {
    for (const agent of [this.#agent, ...this.#retired]) agent.destroy()
  }

  #materialFor(credentials: Credentials | undefined): TlsMaterial {
    const { ca, cert, key } = this.#connection.reread?.() ?? this.#connection
    const own = { ...(cert && { cert }), ...(key && { key }) }
    const given = credentials?.cert && credentials.key ? { cert: credentials.cert, key: credentials.key } : own
    return { ...(ca && { ca }), ...given }
  }

  #replace(material: TlsMaterial): void {
    const agent = this.#make(material)
    retire(this.#agent)
    this.#retired = [...this.#retired, this.#agent].filter(({ sockets }) => Object.keys(sockets).length > 0)
    this.#agent = agent
    this.#material = material
  }

  #make(material: TlsMaterial): HttpAgent {
    const options = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MILLISECONDS,
      timeout: IDLE_SOCKET_MILLISECONDS,
      autoSelectFamilyAttemptTimeout: CONNECT_MILLISECONDS,
    }
    if (!this.#isTls) return new HttpAgent(options)
    const { server, serverName, insecureSkipTLSVerify } = this.#connection
    return new HttpsAgent({
      ...options,
      secureContext: tlsContext(material, server),
      ...(serverName && verifiedAs(serverName)),
      rejectUnauthorized: !insecureSkipTLSVerify,
    })
  }
}

/** The name to verify the certificate against. An address is none that SNI may carry (RFC 6066 §3): it is compared only. */
const verifiedAs = (name: string): AgentOptions =>
  isIP(name) === 0
    ? { servername: name }
    : { checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) }

const same = (a: TlsMaterial, b: TlsMaterial): boolean => a.ca === b.ca && a.cert === b.cert && a.key === b.key

/** Closes idle connections now and the others when they become idle. */
function retire(agent: HttpAgent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

/** Made once: bad PEM is found here and not at some later connection, and the CA bundle is parsed a single time. */
function tlsContext(material: TlsMaterial, server: string): SecureContext {
  try {
    return createSecureContext({ ...material })
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
