import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { listenForAbort } from '../kube/abort.ts'
import { WeftError } from '../model/error.ts'
import type { Log } from './log.ts'

/** Where to listen. No address, or port 0: nowhere. */
export interface ListenAddress {
  address: string
  port: number
}

export interface Page {
  status?: number
  /** Content type; plain text if absent. */
  type?: string
  body: string
}

/** Path → what is answered there. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>

export interface HttpOptions {
  /** The flag that says where, for messages. */
  flag: string
  at: ListenAddress
  pages: Pages
  /** A place that is taken ends the process; otherwise it is tried again every five seconds. */
  hardFail: boolean
  log: Log
  /** In milliseconds. */
  retryMs?: number
}

const bindRetryMs = 5_000

/**
 * Serves pages until the signal. Resolves when it listens, or when the first try has failed and others will follow, as kube-proxy does it.
 *
 * @throws WeftError LISTEN_FAILED with `hardFail`
 */
export async function servePages(options: HttpOptions, signal: AbortSignal): Promise<void> {
  const { at, flag, hardFail, log, retryMs = bindRetryMs } = options
  if (at.address === '' || at.port === 0) return
  const server = createServer((request, response) => void answer(options, request, response))
  listenForAbort(signal, () => closeServer(server))
  const failure = await tryListen(server, at)
  if (failure === undefined || signal.aborted) return
  if (hardFail) throw listenFailed(flag, at, failure)
  log('warn', `cannot listen there; it is tried every ${retryMs / 1000} s`, { flag, ...at, error: failure.message })
  void keepTrying(server, options, retryMs, signal)
}

async function keepTrying(
  server: Server,
  { at, flag, log }: HttpOptions,
  retryMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(retryMs, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted || (await tryListen(server, at)) !== undefined) continue
    log('info', 'listening now', { flag, ...at })
    return
  }
}

function tryListen(server: Server, { address, port }: ListenAddress): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const done = (error?: NodeJS.ErrnoException): void => {
      server.off('error', done)
      server.off('listening', done)
      resolve(error)
    }
    server.once('error', done)
    server.once('listening', done)
    server.listen({ host: address, port, exclusive: true })
  })
}

async function answer({ pages, log }: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  try {
    send(response, request.method, await pageAt(pages, path, request.method ?? 'GET'))
  } catch (error) {
    log('error', 'a page could not be made', { path, error: String(error) })
    send(response, request.method, { status: 500, body: 'internal error\n' })
  }
}

async function pageAt(pages: Pages, path: string, method: string): Promise<Page> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD are served\n' }
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (page === undefined) return { status: 404, body: `not found; served here: ${Object.keys(pages).join(' ')}\n` }
  return page()
}

function send(response: ServerResponse, method: string | undefined, { status = 200, type, body }: Page): void {
  response.writeHead(status, {
    'content-type': type ?? 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  })
  response.end(method === 'HEAD' ? undefined : body)
}

function closeServer(server: Server): void {
  server.close(() => {})
  server.closeAllConnections()
}

const listenFailed = (flag: string, { address, port }: ListenAddress, cause: Error): WeftError =>
  new WeftError(`cannot listen on ${address.includes(':') ? `[${address}]` : address}:${port}`, {
    code: 'LISTEN_FAILED',
    fault: 'user',
    where: flag,
    remedy: `free the port, choose another one, or leave out --bind-address-hard-fail`,
    cause,
  })
