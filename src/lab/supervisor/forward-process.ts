import { connect, createServer, type Socket } from 'node:net'
import { untilAborted } from '../../kube/abort.ts'
import { loadKubeconfig } from '../../kube/kubeconfig.ts'
import { labFiles } from '../files.ts'
import { jsonLog } from '../log.ts'
import { listenInLab } from './api-place.ts'
import { serverOf } from './given-kubeconfig.ts'
import { planOf, readSpec } from './spec.ts'

/**
 * Carries connections from the API's address in the lab to the API server that was given, which is reached from the host's own network. TLS passes
 * through untouched. Runs until SIGTERM or SIGINT.
 *
 * @throws WeftError LAB_NOT_FOUND; KernelError
 */
export async function runForwarder(name: string): Promise<number> {
  const spec = readSpec(name)
  const log = jsonLog('forward')
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  process.on('SIGHUP', () => {})
  const target = serverOf(await loadKubeconfig(labFiles(name).kubeconfig))
  const sockets = new Set<Socket>()
  const servers = listenInLab(planOf(spec)).map(({ fd }) =>
    createServer({ allowHalfOpen: true }, (socket) => {
      const server = connect({ ...target, allowHalfOpen: true })
      join(socket, server, (error) => log('connection failed', { error: error.message }))
      for (const end of [socket, server]) {
        sockets.add(end)
        end.once('close', () => sockets.delete(end))
      }
    }).listen({ fd }),
  )
  log('forwarding', target)
  await untilAborted(stop.signal)
  for (const server of servers) server.close()
  for (const socket of sockets) socket.destroy()
  return 0
}

/** Joins two sockets until one of them breaks or both have said all. */
function join(one: Socket, other: Socket, onError: (error: Error) => void): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setNoDelay(true)
    from.pipe(to)
    from.once('error', (error) => {
      onError(error)
      to.destroy()
    })
    from.once('close', () => to.destroy())
  }
}
