import { constants, createInflate, type Inflate } from 'node:zlib'
import { headerDictionary } from './dictionary.ts'
import { malformed } from './errors.ts'

/** Names are in lower case; a name that occurs several times has its values joined by NUL, as the wire has them. */
export type Headers = Readonly<Record<string, string>>

const longestBlock = 64 * 1024

/** Reads the header blocks of one direction of a connection, which are one zlib stream in many pieces. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary })
  #pieces: Buffer[] = []
  #length = 0
  #failure: Error | undefined
  #finish: () => void = () => {}

  constructor() {
    this.#inflate.on('data', (piece: Buffer) => {
      this.#length += piece.length
      if (this.#length <= longestBlock) this.#pieces.push(piece)
    })
    this.#inflate.on('error', (error) => {
      this.#failure = malformed(error.message)
      this.#finish()
    })
  }

  /** One block at a time. @throws WeftError SPDY_MALFORMED */
  async read(block: Buffer): Promise<Headers> {
    if (this.#failure !== undefined) throw this.#failure
    this.#pieces = []
    this.#length = 0
    await new Promise<void>((resolve) => {
      // After an error nothing else is called.
      this.#finish = resolve
      this.#inflate.write(block)
      this.#inflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve))
    })
    if (this.#failure !== undefined) throw this.#failure
    if (this.#length > longestBlock) throw malformed('a header block that is too large')
    return parseHeaders(Buffer.concat(this.#pieces))
  }

  close(): void {
    this.#inflate.close()
  }
}

/** A count, then names and values, each with its length before it (section 2.6.10). @throws WeftError SPDY_MALFORMED */
export function parseHeaders(block: Buffer): Headers {
  let at = 0
  const number = (): number => {
    if (at + 4 > block.length) throw malformed('a header block that is cut off')
    at += 4
    return block.readUInt32BE(at - 4)
  }
  const string = (): string => {
    const length = number()
    if (at + length > block.length) throw malformed('a header block that is cut off')
    at += length
    return block.toString('utf8', at - length, at)
  }
  const headers = new Map<string, string>()
  for (let left = number(); left > 0; left--) {
    const name = string().toLowerCase()
    headers.set(name, string())
  }
  return Object.fromEntries(headers)
}

/**
 * Writes the header blocks of one direction of a connection. They are not made smaller: zlib allows for stored pieces (RFC 1951, section 3.2.4), and what is
 * sent here is some bytes only.
 */
export class HeaderWriter {
  #begun = false

  write(headers: Headers): Buffer {
    const block = encodeHeaders(headers)
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(block.length, 1)
    stored.writeUInt16LE(~block.length & 0xffff, 3)
    const start = this.#begun ? Buffer.alloc(0) : zlibHeader
    this.#begun = true
    return Buffer.concat([start, stored, block, flushMark])
  }
}

/** An empty stored piece. Go's reader hands out what it has read only at one of these, or at the end. */
const flushMark = Buffer.from([0, 0, 0, 0xff, 0xff])

/** RFC 1950: deflate, a window of 32 KiB, a dictionary, and the Adler-32 of the one of SPDY/3. */
const zlibHeader = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2])

export function encodeHeaders(headers: Headers): Buffer {
  const entries = Object.entries(headers)
  const texts = entries.flatMap(([name, value]) => [lengthed(name.toLowerCase()), lengthed(value)])
  return Buffer.concat([word(entries.length), ...texts])
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function lengthed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([word(bytes.length), bytes])
}
