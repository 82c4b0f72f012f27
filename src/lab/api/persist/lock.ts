import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../../../model/error.ts'

const waitMs = 2_000
const retryMs = 50

/**
 * Makes this process the only one (of its network namespace) that writes to a folder, until it ends, kill -9 included, or releases it: an abstract
 * socket (unix(7)) with the folder in its name. Waits a while for one that is just ending.
 *
 * @throws WeftError API_STATE_IN_USE
 */
export async function lockFolder(dir: string): Promise<() => void> {
  const address = `\0weft/api/${createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 32)}`
  const deadline = performance.now() + waitMs
  for (;;) {
    const server = await tryListen(address)
    if (server !== undefined) return () => void server.close()
    if (performance.now() > deadline)
      throw new WeftError('another API runs with this folder', {
        code: 'API_STATE_IN_USE',
        fault: 'user',
        where: dir,
        remedy: 'end the other one, or give this one a folder of its own',
      })
    await delay(retryMs)
  }
}

function tryListen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server.unref()))
  })
}
