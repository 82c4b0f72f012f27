import { connect, createServer } from 'node:net'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { listenTcp } from '../../src/kernel/sockets.ts'
import { insidePort } from '../api-worker.ts'

/** Carries connections to 127.0.0.1:6443 of a namespace to the API, until the bench disconnects. A process of its own, so that no measuring delays it. */
export async function forwardWorker(netns: string, host: string, port: number): Promise<void> {
  const server = createServer({ noDelay: true }, (inside) => {
    const outside = connect({ host, port, noDelay: true })
    inside.pipe(outside).pipe(inside)
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  const namespace = NetworkNamespace.named(netns)
  server.listen({ fd: listenTcp(namespace, '127.0.0.1', insidePort) }, () => process.send?.('ready'))
  namespace.close()
  await new Promise<void>((resolve) => process.once('disconnect', () => resolve()))
  process.exit()
}
