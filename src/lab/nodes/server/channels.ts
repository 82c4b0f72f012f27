import { PassThrough, type Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'

/** Subprotocols for exec and attach, best first (k8s.io/apimachinery/pkg/util/remotecommand). v5 can end standard input. */
export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const STATUS = 3
const RESIZE = 4
const CLOSE = 255

/** Characters of a terminal. */
export interface TerminalSize {
  columns: number
  rows: number
}

/** metav1.Status, as the error channel carries it. */
export interface ExecStatus {
  metadata: object
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: { causes: { reason: string; message: string }[] }
}

/** The streams of exec or attach over one WebSocket, whose messages begin with the number of a channel. */
export interface Channels {
  stdin: Readable
  stdout: Writable
  stderr: Writable
  onResize(listener: (size: TerminalSize) => void): void
  /** Says how it ended, after all that was written, and closes when the client has read it; returns when that is done or the client has gone. */
  finish(status: ExecStatus): Promise<void>
}

/** How often a client is written to whose input waits, or whose end is awaited, in milliseconds. kubectl gives up after a minute without (heartbeat of client-go). */
const heartbeatMs = 5_000

/** Takes over a WebSocket that is open. */
export function channelsOn(socket: WebSocket): Channels {
  const stdin = new PassThrough()
  let resized: (size: TerminalSize) => void = () => {}
  socket.on('message', (data: Buffer) => {
    const [channel] = data
    if (channel === STDIN) feed(stdin, data.subarray(1), socket)
    else if (channel === RESIZE) withSize(data.subarray(1), resized)
    else if (channel === CLOSE && data[1] === STDIN) stdin.end()
  })
  // Who waits for input waits no longer.
  const closed = new Promise<void>((resolve) => socket.once('close', resolve))
  void closed.then(() => stdin.end())
  const [stdout, stderr] = [writer(socket, STDOUT), writer(socket, STDERR)]
  return {
    stdin,
    stdout,
    stderr,
    onResize: (listener) => (resized = listener),
    finish: async (status) => {
      // Nobody reads input any more, and it must not keep the client's answers back.
      stdin.end().resume()
      socket.resume()
      // A program's last words may still wait for those before them to leave.
      await Promise.race([closed, Promise.all([stdout, stderr].map(ended))])
      socket.send(Buffer.concat([Buffer.from([STATUS]), Buffer.from(JSON.stringify(status))]))
      await Promise.race([closed, untilRead(socket)])
      socket.close(1000)
    },
  }
}

const ended = (stream: Writable): Promise<void> => new Promise((resolve) => stream.end(resolve))

function feed(stdin: PassThrough, data: Buffer, socket: WebSocket): void {
  if (stdin.writableEnded || stdin.destroyed || stdin.write(data) || socket.isPaused) return
  socket.pause()
  // The client's pings wait as well, and its end is noticed by writing only: a pong that nobody asked for does for both (RFC 6455, section 5.5.3).
  const heartbeat = setInterval(() => socket.pong(), heartbeatMs)
  const resume = (): void => {
    clearInterval(heartbeat)
    stdin.off('drain', resume).off('close', resume)
    socket.off('close', resume).resume()
  }
  stdin.once('drain', resume).once('close', resume)
  socket.once('close', resume)
}

/**
 * Resolves when the peer has read all that was sent, which it says by answering a ping. A WebSocket that is closed earlier lives for some seconds
 * only, and a slow reader loses the rest.
 */
function untilRead(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const ping = (): void => socket.ping()
    // A client that is busy writing may leave a ping without an answer (gorilla/websocket: one second).
    const again = setInterval(ping, heartbeatMs)
    const done = (): void => {
      clearInterval(again)
      socket.off('pong', done).off('close', done)
      resolve()
    }
    socket.once('pong', done).once('close', done)
    if (socket.readyState === socket.OPEN) ping()
    else done()
  })
}

/** A write is done when it has left, so that a slow reader slows down the program. */
const writer = (socket: WebSocket, channel: number): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) =>
      // Nobody reads any more: what the program still says goes nowhere.
      socket.send(Buffer.concat([Buffer.from([channel]), chunk]), () => done()),
  })

/** `{"Width":80,"Height":24}`; anything else is passed over. */
function withSize(data: Buffer, resized: (size: TerminalSize) => void): void {
  try {
    const { Width: columns, Height: rows } = JSON.parse(data.toString('utf8')) as { Width?: unknown; Height?: unknown }
    if (isSize(columns) && isSize(rows)) resized({ columns, rows })
  } catch {
    // A terminal of the size that it has is better than none.
  }
}

const isSize = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536

/** How a program ended, in the form that kubectl takes its own exit code from (k8s.io/kubelet remotecommand). */
export function exitStatus(code: number): ExecStatus {
  if (code === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

/** Something else went wrong. */
export const failureStatus = (message: string): ExecStatus => ({
  metadata: {},
  status: 'Failure',
  message,
  reason: 'InternalError',
})
