/** A line of a container's log file, in the CRI's format: `2026-01-31T10:00:00.123456789Z stdout F text`. */
export interface CriLine {
  /** RFC 3339 with nanoseconds, as written. */
  time: string
  stream: 'stdout' | 'stderr'
  /** The container's own line goes on in the next one. */
  partial: boolean
  text: Buffer
}

const SPACE = 0x20

/** Reads a line without its newline. Undefined: it is none (one that was cut off when a node died). */
export function parseCriLine(line: Buffer): CriLine | undefined {
  const first = line.indexOf(SPACE)
  const second = line.indexOf(SPACE, first + 1)
  const third = line.indexOf(SPACE, second + 1)
  if (first < 0 || second < 0 || third < 0) return undefined
  const time = line.toString('latin1', 0, first)
  const stream = line.toString('latin1', first + 1, second)
  const [tag] = line.toString('latin1', second + 1, third).split(':')
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined
  if (Number.isNaN(Date.parse(time))) return undefined
  return { time, stream, partial: tag === 'P', text: line.subarray(third + 1) }
}

/** What somebody wants to see of a log (PodLogOptions, core/v1). */
export interface LogOptions {
  follow: boolean
  timestamps: boolean
  /** Milliseconds since the epoch; lines before it are left out. */
  sinceMs?: number
  /** Only that many of the last lines. */
  tailLines?: number
  /** Nothing after that many bytes. */
  limitBytes?: number
}

/** Turns lines of a log file into what is shown, until there is enough. */
export class LogPrinter {
  readonly #options: LogOptions
  #left: number
  #inLine = false

  constructor(options: LogOptions) {
    this.#options = options
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY
  }

  /** As many bytes as were asked for have been shown. */
  get isFull(): boolean {
    return this.#left <= 0
  }

  /** Lines without their newlines. */
  print(lines: readonly Buffer[]): Buffer {
    const pieces: Buffer[] = []
    for (const line of lines) {
      const parsed = parseCriLine(line)
      if (parsed !== undefined && !this.isFull) this.#add(parsed, pieces)
    }
    return Buffer.concat(pieces)
  }

  #add({ time, text, partial }: CriLine, pieces: Buffer[]): void {
    const { sinceMs, timestamps } = this.#options
    if (sinceMs !== undefined && Date.parse(time) < sinceMs) return
    if (timestamps && !this.#inLine) this.#show(Buffer.from(`${time} `), pieces)
    this.#show(text, pieces)
    if (!partial) this.#show(newline, pieces)
    this.#inLine = partial
  }

  #show(piece: Buffer, pieces: Buffer[]): void {
    const shown = piece.length > this.#left ? piece.subarray(0, this.#left) : piece
    this.#left -= shown.length
    pieces.push(shown)
  }
}

const newline = Buffer.from('\n')

/** Cuts bytes into lines as they come. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)

  /** The lines that are complete, without their newlines. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const lines: Buffer[] = []
    for (let end = this.#rest.indexOf(0x0a); end >= 0; end = this.#rest.indexOf(0x0a)) {
      lines.push(this.#rest.subarray(0, end))
      this.#rest = this.#rest.subarray(end + 1)
    }
    return lines
  }
}
