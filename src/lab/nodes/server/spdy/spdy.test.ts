import { once } from 'node:events'
import { PassThrough, Duplex } from 'node:stream'
import { constants, createDeflate } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WeftError } from '../../../../model/error.ts'
import { SpdyConnection, type SpdyStream } from './connection.ts'
import { headerDictionary } from './dictionary.ts'
import { encodeFrame, type Frame, FrameDecoder } from './frames.ts'
import { encodeHeaders, HeaderReader, HeaderWriter, parseHeaders } from './headers.ts'

/** Adler-32 (RFC 1950, section 8.2). */
function adler32(bytes: Buffer): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

/** Header blocks as a peer writes them: one zlib stream, flushed after each. */
class PeerWriter {
  readonly #deflate = createDeflate({ dictionary: headerDictionary })
  #pieces: Buffer[] = []

  constructor() {
    this.#deflate.on('data', (piece: Buffer) => this.#pieces.push(piece))
  }

  async block(headers: Record<string, string>): Promise<Buffer> {
    this.#pieces = []
    this.#deflate.write(encodeHeaders(headers))
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve)))
    return Buffer.concat(this.#pieces)
  }
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const streamId = fc.integer({ min: 1, max: 0x7fffffff })
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant('synStream' as const), streamId, fin: fc.boolean(), headers: bytes }),
  fc.record({ type: fc.constant('synReply' as const), streamId, fin: fc.boolean(), headers: bytes }),
  fc.record({ type: fc.constant('headers' as const), streamId, fin: fc.boolean(), headers: bytes }),
  fc.record({ type: fc.constant('rstStream' as const), streamId, status: fc.nat(20) }),
  fc.record({ type: fc.constant('ping' as const), id: fc.nat() }),
  fc.record({ type: fc.constant('goAway' as const), lastStreamId: streamId, status: fc.nat(3) }),
  fc.record({ type: fc.constant('windowUpdate' as const), streamId, delta: streamId }),
  fc.record({ type: fc.constant('settings' as const) }),
)

describe('SPDY/3.1 frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), fc.integer({ min: 1, max: 30 }), (frames, size) => {
        const wire = Buffer.concat(frames.map(encodeFrame))
        const decoder = new FrameDecoder()
        const decoded: Frame[] = []
        for (let at = 0; at < wire.length; at += size) decoded.push(...decoder.push(wire.subarray(at, at + size)))
        expect(decoded).toEqual(frames)
      }),
    )
  })

  it('hand data on in pieces, of which the last one ends the stream', () => {
    const wire = encodeFrame({ type: 'data', streamId: 5, data: Buffer.from('abcdef'), fin: true })
    const decoder = new FrameDecoder()
    const pieces = [...decoder.push(wire.subarray(0, 11)), ...decoder.push(wire.subarray(11))]
    expect(pieces).toEqual([
      { type: 'data', streamId: 5, data: Buffer.from('abc'), fin: false },
      { type: 'data', streamId: 5, data: Buffer.from('def'), fin: true },
    ])
    const end = encodeFrame({ type: 'data', streamId: 5, data: Buffer.alloc(0), fin: true })
    expect(new FrameDecoder().push(end)).toEqual([{ type: 'data', streamId: 5, data: Buffer.alloc(0), fin: true }])
  })

  it('are frames or a typed error, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          new FrameDecoder().push(Buffer.from(noise))
        } catch (error) {
          expect(error).toBeInstanceOf(WeftError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('of an absurd size are refused before they are read', () => {
    const huge = Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])
    expect(() => new FrameDecoder().push(huge)).toThrow('a control frame of 16777215 bytes')
    expect(() => new FrameDecoder().push(Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]))).toThrow('version 2')
  })
})

describe('SPDY/3.1 headers', () => {
  it('begin with the dictionary that everybody has', () => {
    expect(headerDictionary).toHaveLength(1423)
    expect(adler32(headerDictionary)).toBe(0xe3c6a7c2)
  })

  it('are read block by block', async () => {
    const peer = new PeerWriter()
    const reader = new HeaderReader()
    for (const headers of [
      { streamtype: 'error', port: '80' },
      { streamtype: 'data', port: '80', requestid: '0' },
    ])
      expect(await reader.read(await peer.block(headers))).toEqual(headers)
    reader.close()
  })

  it('are written so that zlib reads them', async () => {
    const writer = new HeaderWriter()
    const reader = new HeaderReader()
    for (const headers of [{}, { a: 'b' }, { name: 'ü'.repeat(100) }])
      expect(await reader.read(writer.write(headers))).toEqual(headers)
    reader.close()
  })

  it('that are no zlib, or too much of it, are refused', async () => {
    const malformed = { code: 'SPDY_MALFORMED' }
    await expect(new HeaderReader().read(Buffer.from('no zlib at all'))).rejects.toMatchObject(malformed)
    const bomb = await new PeerWriter().block({ a: 'x'.repeat(10_000_000) })
    expect(bomb.length).toBeLessThan(64 * 1024)
    await expect(new HeaderReader().read(bomb)).rejects.toThrow('too large')
  })

  it('are parsed or refused, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        try {
          parseHeaders(Buffer.from(noise))
        } catch (error) {
          expect(error).toBeInstanceOf(WeftError)
        }
      }),
    )
  })
})

describe('a SPDY/3.1 connection', () => {
  /** A server that hands its streams to `onStream`, and the peer's two ends. */
  function connection(onStream: (stream: SpdyStream) => void) {
    const [toServer, fromServer] = [new PassThrough(), new PassThrough()]
    const served = new SpdyConnection(Duplex.from({ readable: toServer, writable: fromServer }), onStream).run()
    const decoder = new FrameDecoder()
    const frames: Frame[] = []
    fromServer.on('data', (chunk: Buffer) => frames.push(...decoder.push(chunk)))
    const next = async (): Promise<Frame | undefined> => {
      while (frames.length === 0) await once(fromServer, 'data')
      return frames.shift()
    }
    return { send: (frame: Frame) => void toServer.write(encodeFrame(frame)), next, end: () => toServer.end(), served }
  }

  it('accepts streams, carries data both ways and ends them', async () => {
    const peer = new PeerWriter()
    const { send, next, end, served } = connection((stream) => {
      expect(stream.headers).toEqual({ streamtype: 'data' })
      stream.pipe(stream)
    })
    send({ type: 'ping', id: 1 })
    expect(await next()).toEqual({ type: 'ping', id: 1 })
    send({ type: 'synStream', streamId: 1, fin: false, headers: await peer.block({ streamtype: 'data' }) })
    expect(await next()).toMatchObject({ type: 'synReply', streamId: 1 })
    send({ type: 'data', streamId: 1, data: Buffer.from('hello'), fin: true })
    expect(await next()).toEqual({ type: 'data', streamId: 1, data: Buffer.from('hello'), fin: false })
    expect(await next()).toEqual({ type: 'data', streamId: 1, data: Buffer.alloc(0), fin: true })
    end()
    await served
  })

  it('tells of a stream that is given up, by either side', async () => {
    const peer = new PeerWriter()
    const streams: SpdyStream[] = []
    const { send, next, end, served } = connection((stream) => streams.push(stream))
    for (const streamId of [1, 3])
      send({ type: 'synStream', streamId, fin: false, headers: await peer.block({ streamtype: 'data' }) })
    await next()
    await next()
    const closed = once(streams[0] as SpdyStream, 'close')
    send({ type: 'rstStream', streamId: 1, status: 5 })
    await closed
    streams[1]?.destroy()
    expect(await next()).toEqual({ type: 'rstStream', streamId: 3, status: 5 })
    end()
    await served
  })

  it('fails on what is no SPDY', async () => {
    const { send, served } = connection(() => {})
    send({ type: 'synStream', streamId: 2, fin: false, headers: await new PeerWriter().block({}) })
    await expect(served).rejects.toMatchObject({ code: 'SPDY_MALFORMED' })
  })
})
