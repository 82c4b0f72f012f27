import { fstatSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/**
 * A record on disk: length of the payload and its CRC-32 (zlib's), four bytes each, little endian, then the payload. The payload is lines of
 * JSON. A record is there whole or not at all, so what must not be torn apart goes into one.
 */
const headBytes = 8
/** No record is longer; what claims to be is damage. */
const maxPayloadBytes = 1 << 30
const chunkBytes = 1 << 20

/** Puts a record together. */
export function encodeRecord(lines: readonly Buffer[]): Buffer {
  const payload = lines.reduce((sum, line) => sum + line.length, 0)
  const record = Buffer.allocUnsafe(headBytes + payload)
  let at = headBytes
  for (const line of lines) at += line.copy(record, at)
  record.writeUInt32LE(payload, 0)
  record.writeUInt32LE(crc32(record.subarray(headBytes)), 4)
  return record
}

/**
 * The payloads in a file, from the beginning to its end or to the first record that is cut short or damaged. Returns where that is, in bytes:
 * the length of the file if all is well. A payload is good until the next one is asked for.
 */
export function* readRecords(fd: number): Generator<Buffer, number, void> {
  const size = fstatSync(fd).size
  const reader = new Reader(fd)
  let at = 0
  while (at + headBytes <= size) {
    const head = reader.read(at, headBytes)
    const length = head.readUInt32LE(0)
    const sum = head.readUInt32LE(4)
    if (length > maxPayloadBytes || at + headBytes + length > size) return at
    const payload = reader.read(at + headBytes, length)
    if (crc32(payload) !== sum) return at
    yield payload
    at += headBytes + length
  }
  return at
}

/** Reads a file in large chunks. */
class Reader {
  readonly #fd: number
  #chunk = Buffer.alloc(0)
  #start = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  read(at: number, length: number): Buffer {
    const from = at - this.#start
    if (from < 0 || from + length > this.#chunk.length) this.#fill(at, Math.max(length, chunkBytes))
    return this.#chunk.subarray(at - this.#start, at - this.#start + length)
  }

  #fill(at: number, length: number): void {
    const chunk = Buffer.allocUnsafe(length)
    let got = 0
    while (got < length) {
      const more = readSync(this.#fd, chunk, got, length - got, at + got)
      if (more === 0) break
      got += more
    }
    this.#chunk = chunk.subarray(0, got)
    this.#start = at
  }
}
