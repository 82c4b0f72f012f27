const NEWLINE = 0x0a

/**
 * Cuts a byte stream into lines. A line that is whole within a chunk is a view of it, nothing is copied; a line over several chunks is joined once, when
 * it is complete, so a large object that comes in small pieces costs its size and not its square.
 */
export class LineSplitter {
  #partial: Buffer[] = []
  #partialBytes = 0

  /** What came after the last line feed; the splitter is empty afterwards. */
  rest(): Buffer {
    return this.#complete(Buffer.alloc(0))
  }

  /** How many bytes of an unfinished line are held. */
  get pendingBytes(): number {
    return this.#partialBytes
  }

  /** The lines that `chunk` completes, without their line feeds. Empty ones are left out. */
  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#complete(chunk.subarray(start, end))
      start = end + 1
      if (line.length > 0) yield line
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  #keep(piece: Buffer): void {
    this.#partial.push(piece)
    this.#partialBytes += piece.length
  }

  #complete(tail: Buffer): Buffer {
    if (this.#partial.length === 0) return tail
    const line = Buffer.concat([...this.#partial, tail], this.#partialBytes + tail.length)
    this.#partial = []
    this.#partialBytes = 0
    return line
  }
}
