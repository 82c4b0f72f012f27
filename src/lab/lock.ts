import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'

const pollMs = 20
/** Removing a lab of a hundred nodes takes a few seconds. */
const longestWaitMs = 60_000

/**
 * Runs `work` while no other command makes or removes a lab, of whatever name: names are taken and given back one at a time.
 *
 * @throws WeftError LAB_LOCK_HELD after a minute
 */
export async function withLabsLock<T>(work: () => Promise<T>): Promise<T> {
  const server = await takeLock('weft/labs', longestWaitMs)
  if (server === undefined) throw held()
  try {
    return await work()
  } finally {
    server.close()
  }
}

/**
 * Takes a lock of this network namespace, which closing it gives back: an abstract socket (unix(7)) leaves no file and goes with its process, kill -9 included.
 *
 * @returns undefined if somebody else has held it for `waitMs`
 */
export async function takeLock(name: string, waitMs: number): Promise<Server | undefined> {
  const deadlineMs = performance.now() + waitMs
  for (;;) {
    const server = await tryListen(`\0${name}`)
    if (server !== undefined || performance.now() > deadlineMs) return server
    await sleep(pollMs)
  }
}

function tryListen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

const held = (): WeftError =>
  new WeftError('another command has been starting or removing a lab for a minute', {
    code: 'LAB_LOCK_HELD',
    fault: 'user',
    where: '@weft/labs',
    remedy: "find it with 'ss -lxp | grep @weft/labs', and end it if it is stuck",
  })
