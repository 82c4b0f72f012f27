import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { ReconcilerStatus } from '../reconcile/reconciler.ts'

/** What GET /status on the agent's socket answers. */
export interface AgentStatus {
  node: string
  pid: number
  /** True once the kernel is what the API says, and nothing waits. */
  ready: boolean
  startedMs: number
  /** How many of the agent's lists fail at the moment, with the last error of each. */
  api: { failing: Record<string, string> }
  parts: ReconcilerStatus[]
}

/** Serves the status on a unix socket in the run directory, for root alone. A socket that a killed agent left is replaced. */
export function serveStatus(runDir: string, status: () => AgentStatus): Promise<{ close(): void }> {
  mkdirSync(runDir, { recursive: true, mode: 0o755 })
  const path = join(runDir, 'agent.sock')
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
    server.listen(path, () => resolve({ close: () => void server.close() }))
    process.umask(umask)
  })
}
