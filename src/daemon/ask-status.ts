import { request } from 'node:http'
import { WeftError } from '../model/error.ts'
import type { AgentStatus } from './status-server.ts'

/** For everything: to connect, and for the last byte of the answer. */
const patienceMs = 3_000

/**
 * Asks the agent or controller behind a status socket.
 *
 * @throws WeftError AGENT_NOT_RUNNING if nobody answers there within three seconds
 */
export function askStatus(socketPath: string, who: string): Promise<AgentStatus> {
  return new Promise((resolve, reject) => {
    // A process that is stopped, or busy for long, accepts and says nothing: an idle timeout alone would not end an answer that trickles.
    const call = request({ socketPath, path: '/status', signal: AbortSignal.timeout(patienceMs) }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', fail)
      response.on('end', () => {
        try {
          resolve(JSON.parse(text) as AgentStatus)
        } catch (cause) {
          fail(cause)
        }
      })
    })
    function fail(cause: unknown): void {
      reject(notRunning(who, socketPath, cause))
    }
    call.on('error', fail)
    call.end()
  })
}

function notRunning(who: string, socketPath: string, cause: unknown): WeftError {
  const aborted = cause instanceof Error && cause.name === 'AbortError'
  return new WeftError(`no agent answers on ${who}`, {
    code: 'AGENT_NOT_RUNNING',
    fault: 'user',
    where: socketPath,
    remedy: "start it with 'weft agent --kubeconfig FILE', or name a lab: 'weft status --name lab'",
    exitCode: 3,
    cause: aborted ? new Error(`no answer within ${patienceMs / 1000} s`) : cause,
  })
}
