import { connect, createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'

// An abstract socket (unix(7)) belongs to a network namespace and goes with its process, kill -9 included: exactly one writer a namespace.
const lockAddress = '\0weft/writer'

/** Held for as long as this process writes to the kernel of its network namespace. */
export interface WriterLock {
  release(): void
}

/**
 * Takes the lock of the process's network namespace; waits for the holder to go, at most `waitMs`.
 *
 * @throws WeftError WRITER_LOCK_HELD, naming the holder
 */
export async function takeWriterLock(waitMs: number, signal?: AbortSignal): Promise<WriterLock> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const server = await tryListen()
    if (server !== undefined) return { release: () => void server.close() }
    if (performance.now() >= deadline) throw held(await holder())
    await delay(100, undefined, signal === undefined ? {} : { signal })
  }
}

function tryListen(): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`process ${process.pid} (${process.argv.slice(1).join(' ')})`)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(lockAddress, () => {
      server.unref()
      resolve(server)
    })
  })
}

/** What the holder says of itself; it may be gone, or stopped by a debugger. */
function holder(): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(lockAddress)
    socket.setTimeout(1000, () => socket.destroy())
    // Whoever it is says it: no more than a line, and nothing that a terminal would obey.
    socket.on('data', (chunk) => (text = (text + chunk.toString()).replace(/[^\x20-\x7e]/g, '?').slice(0, 200)))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text || 'a process that does not answer'))
  })
}

const held = (who: string): WeftError =>
  new WeftError('another agent already writes to the kernel of this network namespace', {
    code: 'WRITER_LOCK_HELD',
    fault: 'user',
    where: who,
    remedy: 'stop that process first; two writers would undo each other',
  })
