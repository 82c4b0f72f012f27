import { type FSWatcher, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Follower } from '../containers/followers.ts'
import { LineSplitter, type LogOptions, LogPrinter } from './cri-log.ts'

/** How often is looked again where no notification comes (a container that ends writes nothing), in milliseconds. */
const lookAgainMs = 250
const chunkBytes = 64 * 1024

/**
 * Reads the log of one run of a container: what was set aside (`FILE.1`), then the file. With `follow` it goes on, over rotations too, until the
 * container has ended or the signal aborts.
 *
 * @param isLive whether more may come
 */
export async function* readLog(
  file: string,
  options: LogOptions,
  isLive: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const printer = new LogPrinter(options)
  // Before the first read: what is written in between is noticed.
  const changes = options.follow ? new Changes(dirname(file), signal) : undefined
  const follower = options.follow ? new Follower(file) : undefined
  const log = new LogReader(file)
  try {
    const lines = await log.readAll()
    const last =
      options.tailLines === undefined ? lines : options.tailLines === 0 ? [] : lines.slice(-options.tailLines)
    yield printer.print(last)
    if (changes === undefined) return
    while (!printer.isFull && !signal.aborted) {
      const live = isLive()
      const caughtUp = follower?.look()
      const lines = await log.read()
      caughtUp?.()
      yield printer.print(lines)
      if (!live) return
      await changes.next()
    }
  } finally {
    changes?.close()
    follower?.leave()
    await log.close()
  }
}

/** A file that is appended to, and replaced by a new one now and then. */
class LogReader {
  readonly #path: string
  #handle: FileHandle | undefined
  #splitter = new LineSplitter()

  constructor(path: string) {
    this.#path = path
  }

  /** What was set aside and what there is, each line once, also where the file is set aside in the middle. */
  async readAll(): Promise<Buffer[]> {
    this.#handle = await open(this.#path, 'r').catch(() => undefined)
    return [...(await this.#readOld()), ...(await this.read())]
  }

  /** The complete lines since the last call; none while there is no file. */
  async read(): Promise<Buffer[]> {
    const lines = await this.#readOpen()
    if (!(await this.#isReplaced())) return lines
    // What was written to the old one between the two looks.
    lines.push(...(await this.#readOpen()))
    await this.close()
    this.#handle = await open(this.#path, 'r').catch(() => undefined)
    this.#splitter = new LineSplitter()
    return [...lines, ...(await this.#readOpen())]
  }

  async #readOld(): Promise<Buffer[]> {
    const old = await open(`${this.#path}.1`, 'r').catch(() => undefined)
    try {
      if (old === undefined || (await old.stat()).ino === (await this.#handle?.stat())?.ino) return []
      return new LineSplitter().push(await old.readFile())
    } finally {
      await old?.close()
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #readOpen(): Promise<Buffer[]> {
    const lines: Buffer[] = []
    for (;;) {
      const { bytesRead = 0, buffer } = (await this.#handle?.read(Buffer.alloc(chunkBytes), 0, chunkBytes, null)) ?? {}
      if (bytesRead === 0 || buffer === undefined) return lines
      lines.push(...this.#splitter.push(buffer.subarray(0, bytesRead)))
    }
  }

  async #isReplaced(): Promise<boolean> {
    const [now, ours] = await Promise.all([stat(this.#path).catch(() => undefined), this.#handle?.stat()])
    return now !== undefined && now.ino !== ours?.ino
  }
}

/** Waits for changes in a folder, or for a while. */
class Changes {
  readonly #watcher: FSWatcher | undefined
  readonly #signal: AbortSignal
  #wake: () => void = () => {}
  #pending = false

  constructor(folder: string, signal: AbortSignal) {
    this.#signal = signal
    try {
      this.#watcher = watch(folder, () => this.#changed()).on('error', () => {})
    } catch {
      // There is no folder yet, or there are no watches left: looking again does as well.
    }
    signal.addEventListener('abort', this.#onAbort)
  }

  async next(): Promise<void> {
    if (!this.#pending && !this.#signal.aborted) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, lookAgainMs)
      })
      clearTimeout(timer)
    }
    this.#pending = false
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#watcher?.close()
  }

  readonly #onAbort = (): void => this.#changed()

  #changed(): void {
    this.#pending = true
    this.#wake()
  }
}
