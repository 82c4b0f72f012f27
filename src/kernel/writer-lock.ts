import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'
import { libc } from './ffi.ts'

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

/** What the holder says of itself, or the kernel of it; it may be gone, or stopped by a debugger. */
function holder(): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(lockAddress, () => (known = peerOf(socket)))
    let known: Peer | undefined
    socket.setTimeout(1000, () => socket.destroy())
    // Whoever it is says it: no more than a line, and nothing that a terminal would obey.
    socket.on('data', (chunk) => (text = (text + chunk.toString()).replace(/[^\x20-\x7e]/g, '?').slice(0, 200)))
    socket.on('error', () => {})
    socket.on('close', () => resolve(describe(text, known)))
  })
}

interface Peer {
  pid: number
  uid: number
}

// asm-generic/socket.h; struct ucred is pid, uid and gid, of 32 bits each (unix(7)).
const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** Who listens, as the kernel knows it: any process of the namespace can take the name, and say what it likes. */
function peerOf(socket: Socket): Peer | undefined {
  const { fd } = (socket as unknown as { _handle?: { fd?: number } })._handle ?? {}
  if (fd === undefined || fd < 0) return undefined
  const credentials = new Uint32Array(3)
  const length = Buffer.from(Uint32Array.of(credentials.byteLength).buffer)
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, Buffer.from(credentials.buffer), length) < 0) return undefined
  return { pid: credentials[0] ?? 0, uid: credentials[1] ?? 0 }
}

function describe(text: string, peer: Peer | undefined): string {
  if (peer !== undefined && peer.uid !== 0)
    return `process ${peer.pid} of user ${peer.uid}, which is no agent: agents run as root`
  return text || `a process that does not answer${peer === undefined ? '' : `: ${peer.pid}`}`
}

const held = (who: string): WeftError =>
  new WeftError('another agent already writes to the kernel of this network namespace', {
    code: 'WRITER_LOCK_HELD',
    fault: 'user',
    where: who,
    remedy: 'stop that process first; two writers would undo each other',
  })
