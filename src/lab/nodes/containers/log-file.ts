import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { logRotateBytes } from '../runtime.ts'
import { isAwaited, noteWritten, untilRead } from './followers.ts'
import { endTaps, tellTaps } from './taps.ts'

export type LogStream = 'stdout' | 'stderr'

const flushMs = 20
/** A longer line is written in parts (`P`), as container runtimes do. */
const longestLineBytes = 16 * 1024
const flushBytes = 64 * 1024
/** One that somebody has not read yet may grow so large, and no larger: a node's logs are in memory. */
const longestAwaitedBytes = 16 * 1024 * 1024
/** For so long a program waits, when half of that is not read, and then not again for somebody who has stopped reading. */
const longestWaitMs = 5_000

/**
 * A container's log in the CRI's format, one line of output a line: `time stream tag text`, where the tag is F for a whole line and P for a part. Set aside as `.1` when it has grown to `rotateBytes`.
 */
export class LogFile {
  readonly #path: string
  readonly #rotateBytes: number
  readonly #partial: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  #fd: number | undefined
  #sizeBytes = 0
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined
  readonly #patienceMs: number
  /** In vain, for somebody who follows. */
  #hasWaited = false

  /** @param patienceMs how long a program waits for those who follow its log */
  constructor(path: string, rotateBytes = logRotateBytes, patienceMs = longestWaitMs) {
    this.#path = path
    this.#rotateBytes = rotateBytes
    this.#patienceMs = patienceMs
  }

  /**
   * Output as it comes, written at once: it is lost for the next kubelet once it has been read here. Lines need not be whole.
   *
   * @returns what resolves when those who are attached, or follow the log, can take more; undefined: at once
   */
  write(stream: LogStream, chunk: Buffer): Promise<void> | undefined {
    const all = Buffer.concat([this.#partial[stream], chunk])
    // One time for all that came at once.
    const whole = head(stream, 'F')
    let from = 0
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, from)) {
      this.#put(whole, all.subarray(from, end + 1))
      from = end + 1
    }
    let rest = all.subarray(from)
    while (rest.length >= longestLineBytes) {
      this.#add(stream, 'P', rest.subarray(0, longestLineBytes))
      rest = rest.subarray(longestLineBytes)
    }
    this.#partial[stream] = rest
    this.flush()
    const taken = tellTaps(this.#path, stream, chunk)
    const read = this.#untilRead()
    return taken === undefined || read === undefined ? (taken ?? read) : Promise.all([taken, read]).then(() => {})
  }

  #untilRead(): Promise<void> | undefined {
    if (this.#hasWaited || this.#sizeBytes <= Math.max(this.#rotateBytes, longestAwaitedBytes / 2)) return undefined
    return untilRead(this.#path, this.#patienceMs)?.then((isRead) => void (this.#hasWaited = !isRead))
  }

  /** One whole line; written with others a few milliseconds later. */
  line(stream: LogStream, text: string): void {
    this.#add(stream, 'F', Buffer.from(text))
    void tellTaps(this.#path, stream, Buffer.from(`${text}\n`))
  }

  /** Writes what waits, also a last line without an end. */
  close(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream].length > 0) this.#add(stream, 'F', this.#partial[stream])
      this.#partial[stream] = Buffer.alloc(0)
    }
    this.flush()
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    endTaps(this.#path)
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    const data = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#append(data)
  }

  #add(stream: LogStream, tag: 'F' | 'P', text: Buffer): void {
    this.#put(head(stream, tag), Buffer.concat([text, newline]))
  }

  #put(start: Buffer, line: Buffer): void {
    this.#waiting.push(start, line)
    this.#waitingBytes += start.length + line.length
    if (this.#waitingBytes >= flushBytes) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), flushMs).unref()
  }

  #append(data: Buffer): void {
    try {
      this.#fd ??= this.#open()
      if (this.#isFull(data.length)) this.#fd = this.#rotate(this.#fd)
      writeSync(this.#fd, data)
      this.#sizeBytes += data.length
      noteWritten(this.#path)
    } catch {
      // A log that cannot be written (its pod has just been removed, memory is full) must not end what it tells of.
    }
  }

  #isFull(moreBytes: number): boolean {
    const size = this.#sizeBytes + moreBytes
    if (this.#sizeBytes === 0 || size <= this.#rotateBytes) return false
    if (!isAwaited(this.#path)) this.#hasWaited = false
    else if (!this.#hasWaited) return size > longestAwaitedBytes
    return true
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true })
    const fd = openSync(this.#path, 'a', 0o640)
    this.#sizeBytes = statSync(this.#path).size
    return fd
  }

  #rotate(fd: number): number {
    closeSync(fd)
    this.#fd = undefined
    renameSync(this.#path, `${this.#path}.1`)
    return this.#open()
  }
}

const newline = Buffer.from('\n')

/** What stands before a line's text: the time by RFC 3339 with nine digits (the clock has three), the stream and the tag. */
const head = (stream: LogStream, tag: 'F' | 'P'): Buffer =>
  Buffer.from(`${new Date().toISOString().replace('Z', '000000Z')} ${stream} ${tag} `)
