import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startApi } from '../src/lab/api/server.ts'
import { startControllers } from '../src/lab/controllers/index.ts'

/** What the worker answers to every message. */
export interface ApiUsage {
  residentMB: number
  heapMB: number
  cpuSeconds: number
}

/** The embedded API with its controllers, as a lab has them, until the bench disconnects. `dir` is made if need be. */
export async function apiWorker(dir: string): Promise<void> {
  const api = await startApi({ dir })
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

const mb = (bytes: number): number => Math.round(bytes / (1 << 20))
