import { malformed } from './errors.ts'

/** A frame of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, section 2.2), or a piece of a data frame. */
export type Frame =
  | { type: 'data'; streamId: number; data: Buffer; fin: boolean }
  | { type: 'synStream'; streamId: number; fin: boolean; headers: Buffer }
  | { type: 'synReply'; streamId: number; fin: boolean; headers: Buffer }
  | { type: 'headers'; streamId: number; fin: boolean; headers: Buffer }
  | { type: 'rstStream'; streamId: number; status: number }
  | { type: 'ping'; id: number }
  | { type: 'goAway'; lastStreamId: number; status: number }
  | { type: 'windowUpdate'; streamId: number; delta: number }
  | { type: 'settings' }

const version = 3
const kinds = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 }
const FLAG_FIN = 1
const headerBytes = 8
/** Control frames are read as a whole, so they may not be of any size. */
const longestControlFrame = 64 * 1024

/** Takes bytes as they come, gives frames. Data frames are handed on in pieces, so that none has to be kept. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0)
  #data: { streamId: number; left: number; fin: boolean } | undefined

  /** @throws WeftError SPDY_MALFORMED; the decoder is of no use after that */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  /** Undefined: more bytes are needed. */
  #next(): Frame | undefined {
    if (this.#data !== undefined) return this.#piece(this.#data)
    if (this.#rest.length < headerBytes) return undefined
    const word = this.#rest.readUInt32BE(0)
    const flags = this.#rest.readUInt8(4)
    const length = this.#rest.readUIntBE(5, 3)
    if (word >>> 31 === 1) return this.#control(word, flags, length)
    this.#take(headerBytes)
    if (word === 0) throw malformed('data for stream 0')
    this.#data = { streamId: word, left: length, fin: (flags & FLAG_FIN) !== 0 }
    return this.#piece(this.#data)
  }

  #piece(data: { streamId: number; left: number; fin: boolean }): Frame | undefined {
    if (this.#rest.length === 0 && data.left > 0) return undefined
    const bytes = this.#take(Math.min(data.left, this.#rest.length))
    data.left -= bytes.length
    const done = data.left === 0
    if (done) this.#data = undefined
    return { type: 'data', streamId: data.streamId, data: bytes, fin: done && data.fin }
  }

  #control(word: number, flags: number, length: number): Frame | undefined {
    if ((word >>> 16) - 0x8000 !== version) throw malformed(`version ${(word >>> 16) - 0x8000}`)
    if (length > longestControlFrame) throw malformed(`a control frame of ${length} bytes`)
    if (this.#rest.length < headerBytes + length) return undefined
    this.#take(headerBytes)
    return decodeControl(word & 0xffff, flags, this.#take(length))
  }

  #take(length: number): Buffer {
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return bytes
  }
}

function decodeControl(kind: number, flags: number, body: Buffer): Frame {
  const fin = (flags & FLAG_FIN) !== 0
  const needs = (bytes: number): void => {
    if (body.length < bytes) throw malformed(`a frame of type ${kind} with ${body.length} bytes`)
  }
  const word = (at: number): number => body.readUInt32BE(at) & 0x7fffffff
  if (kind === kinds.settings) return { type: 'settings' }
  needs(kind === kinds.ping || kind === kinds.synReply || kind === kinds.headers ? 4 : 8)
  if (kind === kinds.synStream) {
    needs(10)
    return { type: 'synStream', streamId: word(0), fin, headers: body.subarray(10) }
  }
  if (kind === kinds.synReply) return { type: 'synReply', streamId: word(0), fin, headers: body.subarray(4) }
  if (kind === kinds.headers) return { type: 'headers', streamId: word(0), fin, headers: body.subarray(4) }
  if (kind === kinds.rstStream) return { type: 'rstStream', streamId: word(0), status: body.readUInt32BE(4) }
  if (kind === kinds.ping) return { type: 'ping', id: body.readUInt32BE(0) }
  if (kind === kinds.goAway) return { type: 'goAway', lastStreamId: word(0), status: body.readUInt32BE(4) }
  if (kind === kinds.windowUpdate) return { type: 'windowUpdate', streamId: word(0), delta: word(4) }
  throw malformed(`a frame of type ${kind}`)
}

/** The bytes of a frame. */
export function encodeFrame(frame: Frame): Buffer {
  switch (frame.type) {
    case 'data':
      return Buffer.concat([header(frame.streamId, frame.fin, frame.data.length), frame.data])
    case 'synStream':
      return control(kinds.synStream, frame.fin, words(frame.streamId, 0), Buffer.alloc(2), frame.headers)
    case 'synReply':
      return control(kinds.synReply, frame.fin, words(frame.streamId), frame.headers)
    case 'headers':
      return control(kinds.headers, frame.fin, words(frame.streamId), frame.headers)
    case 'rstStream':
      return control(kinds.rstStream, false, words(frame.streamId, frame.status))
    case 'ping':
      return control(kinds.ping, false, words(frame.id))
    case 'goAway':
      return control(kinds.goAway, false, words(frame.lastStreamId, frame.status))
    case 'windowUpdate':
      return control(kinds.windowUpdate, false, words(frame.streamId, frame.delta))
    case 'settings':
    default:
      return control(kinds.settings, false, words(0))
  }
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4))
  return bytes
}

function header(word: number, fin: boolean, length: number): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.writeUInt32BE(word)
  bytes.writeUInt8(fin ? FLAG_FIN : 0, 4)
  bytes.writeUIntBE(length, 5, 3)
  return bytes
}

function control(kind: number, fin: boolean, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([header((0x8000 | version) * 0x10000 + kind, fin, body.length), body])
}
