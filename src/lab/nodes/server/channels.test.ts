import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { eventually } from '../../../../test/eventually.ts'
import type { ContainerPlace } from '../runtime.ts'
import { channelsOn, exitStatus } from './channels.ts'
import { execIn } from './exec.ts'

const [STDIN, STDOUT, STDERR, STATUS] = [0, 1, 2, 3]

/** A WebSocket to a slow client: what is sent leaves later, and a ping is answered when the test says so. */
class SlowSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  isPaused = false
  readonly sent: Buffer[] = []
  pings = 0
  pongs = 0
  isClosed = false
  readonly #leavesAfterMs: number

  constructor(leavesAfterMs: number) {
    super()
    this.#leavesAfterMs = leavesAfterMs
  }

  send(data: Buffer, done?: (error?: Error) => void): void {
    if (this.isClosed) return done?.(new Error('closed'))
    this.sent.push(data)
    if (this.#leavesAfterMs < 1) setImmediate(() => done?.())
    else setTimeout(() => done?.(), this.#leavesAfterMs)
  }

  ping(): void {
    this.pings++
  }

  pong(): void {
    this.pongs++
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(): void {
    this.isClosed = true
  }

  /** All that went over a channel. */
  sentOn(channel: number): Buffer {
    return Buffer.concat(this.sent.filter((data) => data[0] === channel).map((data) => data.subarray(1)))
  }

  gets(channel: number, data: Buffer): void {
    this.emit('message', Buffer.concat([Buffer.from([channel]), data]))
  }
}

/** @param leavesAfterMs how long what is sent takes to leave; less than 1: a turn */
function slow(leavesAfterMs = 0) {
  const socket = new SlowSocket(leavesAfterMs)
  return { socket, channels: channelsOn(socket as unknown as WebSocket) }
}
const here: ContainerPlace = {
  pid: process.pid,
  cgroupDir: '',
  restart: 0,
  cwd: '/',
  env: { PATH: process.env['PATH'] ?? '' },
  enter: (command) => [...command],
}
const never = new AbortController().signal
const run = (command: string[], stdin = false) => ({ command, stdin, tty: false })

afterEach(() => {
  vi.useRealTimers()
})

describe('how a program ended', () => {
  it('is said after its last words, however slowly they leave, and the client is let go when it has read that', async () => {
    const { socket, channels } = slow()
    for (const word of ['a', 'b', 'c']) channels.stdout.write(word)
    channels.stderr.write('oh')
    const finished = channels.finish(exitStatus(7))
    await eventually(() => expect(socket.pings).toBe(1))
    expect(socket.sentOn(STDOUT).toString()).toBe('abc')
    expect(socket.sentOn(STDERR).toString()).toBe('oh')
    expect(socket.sent.at(-1)?.[0]).toBe(STATUS)
    expect(socket.isClosed).toBe(false)
    socket.emit('pong')
    await finished
    expect(socket.isClosed).toBe(true)
  })

  it.each([
    ['in many pieces', 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.005; done; exit 3', 16, 0],
    ['of some MB', 'head -c 2000000 /dev/zero; head -c 100000 /dev/zero >&2; exit 3', 2_000_000, 100_000],
  ])('does not overtake output %s', async (_how, script, out, err) => {
    const { socket, channels } = slow(20)
    const finished = channels.finish(await execIn(here, run(['sh', '-c', script]), channels, never))
    await eventually(() => expect(socket.pings).toBe(1))
    socket.emit('pong')
    await finished
    expect([socket.sentOn(STDOUT).length, socket.sentOn(STDERR).length]).toEqual([out, err])
    expect(JSON.parse(socket.sentOn(STATUS).toString())).toEqual(exitStatus(3))
    expect(socket.sent.at(-1)?.[0]).toBe(STATUS)
  })

  it('is asked for again where a ping got lost', async () => {
    vi.useFakeTimers()
    const { socket, channels } = slow()
    const finished = channels.finish(exitStatus(0))
    await vi.advanceTimersByTimeAsync(12_000)
    expect(socket.pings).toBe(3)
    socket.emit('pong')
    await finished
  })

  it('is said to nobody when the client has gone', async () => {
    const { socket, channels } = slow()
    socket.send = (data) => void socket.sent.push(data)
    channels.stdout.write('never leaves')
    const finished = channels.finish(exitStatus(0))
    socket.emit('close')
    await finished
  })
})

describe('input', () => {
  const much = Buffer.alloc(1 << 20)

  it('that nobody reads holds the client back, who is shown that the connection lives', async () => {
    vi.useFakeTimers()
    const { socket, channels } = slow()
    socket.gets(STDIN, much)
    socket.gets(STDIN, much)
    expect(socket.isPaused).toBe(true)
    vi.advanceTimersByTime(11_000)
    expect(socket.pongs).toBe(2)
    channels.stdin.resume()
    await vi.advanceTimersByTimeAsync(11_000)
    expect([socket.isPaused, socket.pongs]).toEqual([false, 2])
  })

  it('goes nowhere once the program does not take it any more', async () => {
    const { socket, channels } = slow()
    const ended = execIn(here, run(['sh', '-c', 'exec <&-; read line </dev/null; sleep 0.3'], true), channels, never)
    for (let i = 0; i < 4; i++) socket.gets(STDIN, much)
    await eventually(() => expect(socket.isPaused).toBe(false))
    expect((await ended).status).toBe('Success')
  })

  it('leaves nothing behind, however often it waited, and when the client has gone while it waits', async () => {
    vi.useFakeTimers()
    const { socket, channels } = slow()
    const listeners = () => [channels.stdin.listenerCount('close'), socket.listenerCount('close')]
    const before = listeners()
    for (let i = 0; i < 20; i++) {
      socket.gets(STDIN, much)
      channels.stdin.read()
      await vi.advanceTimersByTimeAsync(1)
    }
    expect([socket.isPaused, ...listeners()]).toEqual([false, ...before])
    socket.gets(STDIN, much)
    socket.emit('close')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that still comes at the end does not keep the answer to the last ping back', async () => {
    const { socket, channels } = slow()
    socket.gets(STDIN, much)
    const finished = channels.finish(exitStatus(0))
    socket.gets(STDIN, much)
    expect(socket.isPaused).toBe(false)
    await eventually(() => expect(socket.pings).toBe(1))
    socket.emit('pong')
    await finished
  })
})

describe('a program', () => {
  it('that cannot be started is a failure that is told', async () => {
    const { channels } = slow()
    const status = await execIn(here, run(['/nonexistent/program']), channels, never)
    expect(status).toMatchObject({ status: 'Failure', reason: 'InternalError' })
    expect(status.message).toContain('ENOENT')
  })

  it('does not outlive a client that had gone before it began', async () => {
    const { channels } = slow()
    const status = await execIn(here, run(['sleep', '60']), channels, AbortSignal.abort())
    expect(status).toEqual(exitStatus(137))
  })
})
