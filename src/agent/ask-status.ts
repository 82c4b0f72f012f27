import { request } from 'node:http'
import { WeftError } from '../model/error.ts'
import type { AgentStatus } from './status-server.ts'

/**
 * Asks the agent behind a status socket.
 *
 * @throws WeftError AGENT_NOT_RUNNING if nobody answers there
 */
export function askStatus(socketPath: string, who: string): Promise<AgentStatus> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(notRunning(who, socketPath, cause))
    const call = request({ socketPath, path: '/status', timeout: 5000 }, (response) => {
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
    call.on('timeout', () => call.destroy(new Error('no answer within 5 s')))
    call.on('error', fail)
    call.end()
  })
}

const notRunning = (who: string, socketPath: string, cause: unknown): WeftError =>
  new WeftError(`no agent answers on ${who}`, {
    code: 'AGENT_NOT_RUNNING',
    fault: 'user',
    where: socketPath,
    remedy: "start it with 'weft agent --kubeconfig FILE', or name a lab: 'weft status --name lab'",
    exitCode: 3,
    cause,
  })
