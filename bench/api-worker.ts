import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NetworkNamespace } from '../src/kernel/namespaces.ts'
import { listenTcp } from '../src/kernel/sockets.ts'
import { startApi } from '../src/lab/api/server.ts'
import { startControllers } from '../src/lab/controllers/index.ts'

/** What the worker answers to every message. */
export interface ApiUsage {
  residentMB: number
  heapMB: number
  cpuSeconds: number
}

/** Where the API is reached in network namespaces that it is told of. */
export const insidePort = 6443

/**
 * The embedded API with its controllers, as a lab has them, until the bench disconnects. `dir` is made if need be.
 *
 * @param namespaces names of network namespaces in which it listens too, at 127.0.0.1
 */
export async function apiWorker(dir: string, namespaces: readonly string[] = []): Promise<void> {
  const api = await startApi({ dir, listeners: namespaces.map((name) => ({ fd: listenIn(name) })) })
  const controllers = startControllers(api.store, { log: (line) => process.stderr.write(`${line}\n`) })
  const file = join(dir, 'kubeconfig')
  writeFileSync(file, api.kubeconfig(), { mode: 0o600 })
  process.send?.(file)
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({ residentMB: mb(rss), heapMB: mb(heapUsed), cpuSeconds: (user + system) / 1e6 } satisfies ApiUsage)
  })
  await new Promise<void>((resolve) => process.once('disconnect', () => resolve()))
  controllers.close()
  await api.close()
}

function listenIn(name: string): number {
  const namespace = NetworkNamespace.named(name)
  try {
    return listenTcp(namespace, '127.0.0.1', insidePort)
  } finally {
    namespace.close()
  }
}

const mb = (bytes: number): number => Math.round(bytes / (1 << 20))
