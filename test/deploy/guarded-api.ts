import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { EmbeddedApi } from '../../src/lab/api/server.ts'
import { accessOf, type Grants } from './rbac.ts'

/** The embedded API behind rules of RBAC, which it does not evaluate itself. What they do not allow is answered with 403. */
export interface GuardedApi {
  /** What was asked and not allowed, e.g. `list nodes`. */
  denied: Set<string>
  close(): Promise<void>
}

/** @param fd a socket that listens already, e.g. in another network namespace: there it answers over plain HTTP */
export async function guard(api: EmbeddedApi, grants: Grants, fd: number): Promise<GuardedApi> {
  const denied = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    const access = accessOf(request.method ?? '', request.url ?? '')
    if (grants.allow(access)) return forward(api, request, response)
    denied.add(`${access.verb} ${access.resource}${access.name === '' ? '' : ` ${access.name}`}`)
    forbid(response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen({ fd }, resolve))
  return {
    denied,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function forward(api: EmbeddedApi, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = new URL(api.url)
  const headers = { ...request.headers, host: `${hostname}:${port}`, authorization: `Bearer ${api.token}` }
  const options: RequestOptions = { hostname, port, path: request.url, method: request.method, headers, ca: api.ca }
  const call = httpsRequest(options, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    // A watch is heard of before its first event.
    response.flushHeaders()
    answer.pipe(response)
  })
  call.on('error', () => response.destroy())
  response.on('close', () => call.destroy())
  request.pipe(call)
}

function forbid(response: ServerResponse): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', message: 'no', code: 403 }
  response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify(status))
}
