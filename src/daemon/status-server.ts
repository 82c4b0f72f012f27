import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { listenForAbort } from '../kube/abort.ts'
import { WeftError } from '../model/error.ts'
import type { PartStatus } from './parts.ts'

/** What GET /status on the socket of an agent or a controller answers. */
export interface AgentStatus {
  /** Which of the two it is. */
  role: 'agent' | 'controller'
  /** The node it works for, or runs on. */
  node: string
  pid: number
  /** True once everything is as the API says, and nothing waits. A controller that does not lead has nothing to do, and is ready. */
  ready: boolean
  startedMs: number
  /** How many of its lists fail at the moment, with the last error of each. */
  api: { failing: Record<string, string> }
  parts: PartStatus[]
  /** Of a controller: whether it leads, and who does (empty: not known). */
  leader?: { leading: boolean; identity: string }
}

/** The socket in a run directory. */
export const socketName = (role: AgentStatus['role']): string => `${role}.sock`

/**
 * Serves the status on a unix socket in the run directory, for its own user alone, until the signal. A socket that a killed process left is replaced.
 *
 * @throws WeftError STATUS_SOCKET
 */
export async function serveStatus(
  runDir: string,
  role: AgentStatus['role'],
  status: () => AgentStatus,
  signal: AbortSignal,
): Promise<void> {
  try {
    await serve(runDir, role, status, signal)
  } catch (cause) {
    throw new WeftError('the status socket cannot be made', {
      code: 'STATUS_SOCKET',
      fault: 'user',
      where: join(runDir, socketName(role)),
      remedy:
        role === 'agent' && process.getuid?.() !== 0
          ? 'run it as root, e.g. with sudo: the agent writes to the kernel'
          : 'name a directory that this user may write to: --run-dir=DIR',
      cause,
    })
  }
}

function serve(
  runDir: string,
  role: AgentStatus['role'],
  status: () => AgentStatus,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(runDir, { recursive: true, mode: 0o755 })
  const path = join(runDir, socketName(role))
  rmSync(path, { force: true })
  const server = createServer((request, response) => {
    const now = status()
    if (request.url === '/status') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(now))
    } else if (request.url === '/healthz') {
      response.statusCode = now.ready ? 200 : 503
      response.end(now.ready ? 'ok' : 'not ready')
    } else {
      response.statusCode = 404
      response.end('not found: /status and /healthz are served\n')
    }
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const umask = process.umask(0o077)
    server.listen(path, () => resolve())
    process.umask(umask)
    listenForAbort(signal, () => server.close())
  })
}
