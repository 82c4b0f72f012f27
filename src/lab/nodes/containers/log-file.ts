import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { logRotateBytes } from '../runtime.ts'

export type LogStream = 'stdout' | 'stderr'

const flushMs = 20
/** A longer line is written in parts (`P`), as container runtimes do. */
const longestLineBytes = 16 * 1024
const flushBytes = 64 * 1024

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

  constructor(path: string, rotateBytes = logRotateBytes) {
    this.#path = path
    this.#rotateBytes = rotateBytes
  }

  /** Output as it comes, written at once: it is lost for the next kubelet once it has been read here. Lines need not be whole. */
  write(stream: LogStream, chunk: Buffer): void {
    let rest = Buffer.concat([this.#partial[stream], chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#add(stream, 'F', rest.subarray(0, end))
      rest = rest.subarray(end + 1)
    }
    while (rest.length >= longestLineBytes) {
      this.#add(stream, 'P', rest.subarray(0, longestLineBytes))
      rest = rest.subarray(longestLineBytes)
    }
    this.#partial[stream] = rest
    this.flush()
  }

  /** One whole line; written with others a few milliseconds later. */
  line(stream: LogStream, text: string): void {
    this.#add(stream, 'F', Buffer.from(text))
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
    const line = Buffer.concat([Buffer.from(`${timestamp()} ${stream} ${tag} `), text, newline])
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    if (this.#waitingBytes >= flushBytes) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), flushMs).unref()
  }

  #append(data: Buffer): void {
    try {
      this.#fd ??= this.#open()
      if (this.#sizeBytes > 0 && this.#sizeBytes + data.length > this.#rotateBytes) this.#fd = this.#rotate(this.#fd)
      writeSync(this.#fd, data)
      this.#sizeBytes += data.length
    } catch {
      // A log that cannot be written (its pod has just been removed, memory is full) must not end what it tells of.
    }
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

/** RFC 3339 with nine digits; the clock has three. */
const timestamp = (): string => new Date().toISOString().replace('Z', '000000Z')
