import { closeSync, readSync, writeSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { check, libc } from './ffi.ts'
import { watchReadable } from './readable.ts'

// fcntl.h, asm-generic/ioctls.h (the same on x86 and arm64)
const O_RDWR = 2
const O_NOCTTY = 0o400
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
const TIOCSWINSZ = 0x5414
const TIOCGPTN = 0x80045430
const TIOCSPTLCK = 0x40045431

/** A pseudoterminal, pty(7): what is written to one end is read from the other, by way of a terminal's rules. */
export interface Pty {
  /** The end of who sits at the terminal. Destroying it hangs up. */
  terminal: Terminal
  /** The end of the program: to be closed here (`closeSync`) when the program has it. */
  slaveFd: number
}

/** @throws KernelError, e.g. ENOSPC when there are too many, ENOENT without a devpts */
export function openPty(): Pty {
  const master = check(libc().open('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), 'open', '/dev/ptmx')
  try {
    check(libc().ioctl(master, TIOCSPTLCK, Buffer.alloc(4)), 'TIOCSPTLCK', '/dev/ptmx')
    const number = Buffer.alloc(4)
    check(libc().ioctl(master, TIOCGPTN, number), 'TIOCGPTN', '/dev/ptmx')
    const path = `/dev/pts/${Buffer.from(number).readInt32LE()}`
    const slaveFd = check(libc().open(path, O_RDWR | O_NOCTTY | O_CLOEXEC), 'open', path)
    return { terminal: new Terminal(master), slaveFd }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

const chunkBytes = 16 * 1024
/** A terminal whose program does not read takes no more; there is no notification of when it does again. */
const writeAgainMs = 10

/**
 * The stream of who sits at a terminal. Node's own (tty.ReadStream) loses what was said last: libuv takes the hang-up that comes with a program's end for the
 * end of the data. Here it is read until the kernel has no more (EIO).
 */
export class Terminal extends Duplex {
  readonly #fd: number
  #watch: { close(): void } | undefined

  constructor(fd: number) {
    super()
    this.#fd = fd
  }

  /** Gives it a size in characters; the foreground programs get SIGWINCH. @throws KernelError */
  resize(columns: number, rows: number): void {
    if (this.destroyed) return
    // struct winsize: rows, columns, and pixels that nobody looks at.
    const size = Buffer.from(Uint16Array.of(rows, columns, 0, 0).buffer)
    check(libc().ioctl(this.#fd, TIOCSWINSZ, size), 'TIOCSWINSZ')
  }

  override _read(): void {
    this.#watch ??= watchReadable(this.#fd, () => this.#pull())
  }

  override _write(data: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.destroyed) return done()
    const written = this.#writeSome(data)
    if (written === data.length) return done()
    setTimeout(() => this._write(data.subarray(written), 'utf8', done), writeAgainMs)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unwatch()
    closeSync(this.#fd)
    done(error)
  }

  #pull(): void {
    while (this.#watch !== undefined) {
      const data = this.#readSome()
      if (data === undefined) return
      if (data === null) this.#unwatch()
      if (!this.push(data)) this.#unwatch()
    }
  }

  /** Undefined: nothing yet; null: no program has the other end any more. */
  #readSome(): Buffer | null | undefined {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    try {
      const length = readSync(this.#fd, chunk, 0, chunkBytes, null)
      return length === 0 ? null : chunk.subarray(0, length)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? undefined : null
    }
  }

  /** Returns how much the terminal has taken; one that was hung up takes all. */
  #writeSome(data: Buffer): number {
    try {
      return writeSync(this.#fd, data)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : data.length
    }
  }

  #unwatch(): void {
    this.#watch?.close()
    this.#watch = undefined
  }
}
