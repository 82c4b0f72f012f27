import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'
import { libc } from './ffi.ts'

// An abstract socket (unix(7)) belongs to a network namespace and goes with its process, kill -9 included: exactly one writer a namespace. Any process of the namespace
// can take such a name, so there are several: those that somebody without our rights has are passed over, and whoever has one looks for a writer at all others.
const lockAddresses = ['', '-1', '-2', '-3', '-4', '-5', '-6', '-7'].map((tail) => `\0weft/writer${tail}`)

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
    const taken = await tryTake()
    if ('server' in taken) return { release: () => void taken.server.close() }
    if (performance.now() >= deadline) throw held(taken.holder)
    await delay(100, undefined, signal === undefined ? {} : { signal })
  }
}

/** One name for ourselves, and no writer at any other. */
async function tryTake(): Promise<{ server: Server } | { holder: string }> {
  let server: Server | undefined
  let squatter = ''
  for (const address of lockAddresses) {
    const own = server === undefined ? await tryListen(address) : undefined
    server ??= own
    const other = own === undefined ? await holderOf(address) : undefined
    if (other === undefined) continue
    if (other.isWriter) {
      server?.close()
      return { holder: other.text }
    }
    squatter = other.text
  }
  return server === undefined ? { holder: squatter } : { server }
}

function tryListen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`process ${process.pid} (${process.argv.slice(1).join(' ')})`)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => {
      server.unref()
      resolve(server)
    })
  })
}

interface Holder {
  /** It has the rights that a writer needs; whoever cannot be asked counts as one. */
  isWriter: boolean
  /** What it says of itself, or the kernel of it. */
  text: string
}

/** It may be gone, or stopped by a debugger. @returns undefined if nobody has the name */
function holderOf(address: string): Promise<Holder | undefined> {
  return new Promise((resolve) => {
    let text = ''
    let known: Peer | undefined
    let nobody = false
    const socket = connect(address, () => (known = peerOf(socket)))
    socket.setTimeout(1000, () => socket.destroy())
    // Whoever it is says it: no more than a line, and nothing that a terminal would obey.
    socket.on('data', (chunk) => (text = (text + chunk.toString()).replace(/[^\x20-\x7e]/g, '?').slice(0, 200)))
    socket.on('error', (error: NodeJS.ErrnoException) => (nobody = error.code === 'ECONNREFUSED'))
    socket.on('close', () => {
      const isWriter = known === undefined || known.uid === 0 || known.uid === process.geteuid?.()
      resolve(nobody ? undefined : { isWriter, text: describe(text, known) })
    })
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
