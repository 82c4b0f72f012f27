import { Duplex } from 'node:stream'
import { malformed } from './errors.ts'
import { encodeFrame, type Frame, FrameDecoder } from './frames.ts'
import { HeaderReader, type Headers, HeaderWriter } from './headers.ts'

/** RST_STREAM status codes (section 2.6.3). */
const PROTOCOL_ERROR = 1
const INVALID_STREAM = 2
const CANCEL = 5

/** What one stream may have unread before the others wait for it: peers do not heed windows here, so something has to. */
const mostUnreadBytes = 1024 * 1024

/** One stream that the peer has opened: reads what it sends; `end` closes our direction, `destroy` resets both. */
export class SpdyStream extends Duplex {
  readonly headers: Headers
  readonly id: number
  readonly #send: (frame: Frame, done: (error?: Error | null) => void) => void
  #resume: (() => void) | undefined
  #reset = false

  constructor(id: number, headers: Headers, send: (frame: Frame, done: (error?: Error | null) => void) => void) {
    super({ allowHalfOpen: true })
    this.id = id
    this.headers = headers
    this.#send = send
  }

  /** Takes what came from the peer; resolves when there is room for more. */
  async receive(data: Buffer, fin: boolean): Promise<void> {
    if (data.length > 0 && !this.push(data) && this.readableLength > mostUnreadBytes)
      await new Promise<void>((resolve) => (this.#resume = resolve))
    if (fin) this.push(null)
  }

  /** The peer has given the stream up. */
  abandon(): void {
    this.#reset = true
    this.destroy()
  }

  override _read(): void {
    this.#resume?.()
    this.#resume = undefined
  }

  override _write(data: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send({ type: 'data', streamId: this.id, data, fin: false }, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ type: 'data', streamId: this.id, data: Buffer.alloc(0), fin: true }, done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this._read()
    const finished = this.readableEnded && this.writableFinished
    if (finished || this.#reset) return done(error)
    // The connection may be gone as well: that is no news to who destroys the stream.
    this.#send({ type: 'rstStream', streamId: this.id, status: CANCEL }, () => done(error))
  }
}

/**
 * The server's side of a SPDY/3.1 connection over any stream of bytes, as far as Kubernetes' port-forward needs it: the peer opens streams, each of which is
 * accepted. Windows are not kept, as Kubernetes' clients (spdystream) keep none.
 */
export class SpdyConnection {
  readonly #transport: Duplex
  readonly #onStream: (stream: SpdyStream) => void
  readonly #decoder = new FrameDecoder()
  readonly #reader = new HeaderReader()
  readonly #writer = new HeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()
  #lastStreamId = 0

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport
    this.#onStream = onStream
  }

  /** Serves until the transport ends; all streams are closed then. @throws WeftError SPDY_MALFORMED; what the transport throws */
  async run(): Promise<void> {
    try {
      for await (const chunk of this.#transport as AsyncIterable<Buffer>)
        for (const frame of this.#decoder.push(chunk)) await this.#take(frame)
    } finally {
      for (const stream of this.#streams.values()) stream.abandon()
      this.#reader.close()
      this.#transport.destroy()
    }
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.type === 'synStream') return this.#open(frame)
    if (frame.type === 'data') return this.#receive(frame)
    if (frame.type === 'rstStream') this.#streams.get(frame.streamId)?.abandon()
    // Blocks are one zlib stream: each has to be read, also where nobody wants it.
    else if (frame.type === 'synReply' || frame.type === 'headers') await this.#reader.read(frame.headers)
    // Pings with even numbers are answers to ours, and we send none.
    else if (frame.type === 'ping' && frame.id % 2 === 1) this.#send(frame)
  }

  async #open({ streamId, fin, headers: block }: Extract<Frame, { type: 'synStream' }>): Promise<void> {
    const headers = await this.#reader.read(block)
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId) throw malformed(`a stream numbered ${streamId}`)
    this.#lastStreamId = streamId
    const stream = new SpdyStream(streamId, headers, (frame, done) => this.#send(frame, done))
    this.#streams.set(streamId, stream)
    stream.once('close', () => this.#streams.delete(streamId))
    // A stream that is reset shows it as an error of whoever uses it, and that one may have left.
    stream.on('error', () => {})
    this.#send({ type: 'synReply', streamId, fin: false, headers: this.#writer.write({}) })
    if (fin) await stream.receive(Buffer.alloc(0), true)
    this.#onStream(stream)
  }

  async #receive({ streamId, data, fin }: Extract<Frame, { type: 'data' }>): Promise<void> {
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) return stream.receive(data, fin)
    // One that has just been closed here is no error of the peer's.
    const status = streamId > this.#lastStreamId ? PROTOCOL_ERROR : INVALID_STREAM
    if (!fin) this.#send({ type: 'rstStream', streamId, status })
  }

  #send(frame: Frame, done: (error?: Error | null) => void = () => {}): void {
    if (!this.#transport.writable) return done(new Error('the connection is closed'))
    this.#transport.write(encodeFrame(frame), done)
  }
}
