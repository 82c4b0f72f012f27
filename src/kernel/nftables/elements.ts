import { WeftError } from '../../model/error.ts'
import { type AttributeReader, type MessageWriter, WireError } from '../netlink/codec.ts'
import * as c from './constants.ts'
import { type Layout, layoutOf, readFields, writeFields } from './fields.ts'
import { decrement, increment, readRanges, writeRanges } from './intervals.ts'
import type { Element, SetSpec } from './types.ts'

/** A set's description with its byte layout worked out once. */
export interface SetShape {
  readonly spec: SetSpec
  readonly key: Layout
  readonly data: Layout | undefined
  /** Upper bound of what one element takes in a message, an interval's end included. */
  readonly maxBytes: number
}

const padded = (length: number): number => (length + 3) & ~3

export function shapeOf(spec: SetSpec): SetShape {
  const key = layoutOf(spec.key)
  const data = spec.data && layoutOf(spec.data)
  const attributes = 4 + 8 + 2 * (8 + padded(key.length)) + (8 + padded(data?.length ?? 0)) + 8 + c.COMMENT_MAX_LENGTH
  return { spec, key, data, maxBytes: 2 * attributes + (spec.verdict ? 24 + c.CHAIN_MAX_LENGTH : 0) }
}

const isPlainInterval = (shape: SetShape): boolean => shape.spec.interval === true && shape.key.types.length === 1

/**
 * Appends one element as NFTA_LIST_ELEM. An interval of a set with one field is a start element and an end element (the first value beyond it,
 * flagged NFT_SET_ELEM_INTERVAL_END; none when the interval reaches the highest value), of a concatenation one element with NFTA_SET_ELEM_KEY_END.
 * A delete carries the key alone. @throws WeftError NFT_ELEMENT_INVALID
 */
export function writeElement(writer: MessageWriter, shape: SetShape, element: Element, op: 'add' | 'delete'): void {
  writer.reserve(shape.maxBytes)
  if (shape.spec.interval) writeIntervalElement(writer, shape, element, op)
  else {
    const start = writer.beginNest(c.NFTA_LIST_ELEM)
    if (!writeValue(writer, c.NFTA_SET_ELEM_KEY, shape.key, element.key)) throw badText(element, 'key')
    if (op === 'add') writeRest(writer, shape, element)
    writer.endAttribute(start)
  }
}

function writeIntervalElement(writer: MessageWriter, shape: SetShape, element: Element, op: 'add' | 'delete'): void {
  const first = Buffer.alloc(shape.key.length)
  const last = Buffer.alloc(shape.key.length)
  if (!writeRanges(shape.key, element.key, first, last)) throw badText(element, 'key')
  const start = writer.beginNest(c.NFTA_LIST_ELEM)
  writeBytes(writer, c.NFTA_SET_ELEM_KEY, first)
  if (!isPlainInterval(shape)) writeBytes(writer, c.NFTA_SET_ELEM_KEY_END, last)
  if (op === 'add') writeRest(writer, shape, element)
  writer.endAttribute(start)
  if (isPlainInterval(shape) && increment(last)) writeIntervalEnd(writer, last)
}

function writeIntervalEnd(writer: MessageWriter, end: Buffer): void {
  const start = writer.beginNest(c.NFTA_LIST_ELEM)
  const flags = writer.beginAttribute(c.NFTA_SET_ELEM_FLAGS)
  writer.u32be(c.NFT_SET_ELEM_INTERVAL_END)
  writer.endAttribute(flags)
  writeBytes(writer, c.NFTA_SET_ELEM_KEY, end)
  writer.endAttribute(start)
}

function writeRest(writer: MessageWriter, shape: SetShape, element: Element): void {
  if (shape.spec.verdict) writeJump(writer, element)
  else if (shape.data) {
    if (element.data === undefined) throw badText(element, 'data')
    if (!writeValue(writer, c.NFTA_SET_ELEM_DATA, shape.data, element.data)) throw badText(element, 'data')
  } else if (element.data !== undefined) throw badText(element, 'data')
  if (element.comment !== undefined) writeComment(writer, element, element.comment)
}

/** NFTA_SET_ELEM_KEY or _DATA: a nest around NFTA_DATA_VALUE. */
function writeValue(writer: MessageWriter, type: number, layout: Layout, text: string): boolean {
  const nest = writer.beginNest(type)
  const value = writer.beginAttribute(c.NFTA_DATA_VALUE)
  const at = writer.position
  writer.bytes.fill(0, at, at + layout.length)
  const written = writeFields(layout, text, writer.bytes, at)
  writer.position = at + layout.length
  writer.endAttribute(value)
  writer.endAttribute(nest)
  return written
}

const jump = 'jump '

function writeJump(writer: MessageWriter, element: Element): void {
  const chain = element.data?.startsWith(jump) ? element.data.slice(jump.length) : ''
  if (!/^[\w-]+$/.test(chain) || chain.length >= c.CHAIN_MAX_LENGTH) throw badText(element, 'data')
  const data = writer.beginNest(c.NFTA_SET_ELEM_DATA)
  const verdict = writer.beginNest(c.NFTA_DATA_VERDICT)
  const code = writer.beginAttribute(c.NFTA_VERDICT_CODE)
  writer.u32be(c.NFT_JUMP)
  writer.endAttribute(code)
  writer.string(c.NFTA_VERDICT_CHAIN, chain)
  writer.endAttribute(verdict)
  writer.endAttribute(data)
}

function writeBytes(writer: MessageWriter, type: number, bytes: Buffer): void {
  const nest = writer.beginNest(type)
  const value = writer.beginAttribute(c.NFTA_DATA_VALUE)
  writer.position += bytes.copy(writer.bytes, writer.position)
  writer.endAttribute(value)
  writer.endAttribute(nest)
}

/** User data as libnftnl writes it: type, length, value (libnftnl/udata.h). */
function writeComment(writer: MessageWriter, element: Element, comment: string): void {
  const length = Buffer.byteLength(comment) + 1
  if (length > c.COMMENT_MAX_LENGTH || comment.includes('\0')) throw badText(element, 'comment')
  const start = writer.beginAttribute(c.NFTA_SET_ELEM_USERDATA)
  writer.bytes[writer.position++] = c.NFTNL_UDATA_COMMENT
  writer.bytes[writer.position++] = length
  writer.position += writer.bytes.write(comment, writer.position, 'utf8')
  writer.bytes[writer.position++] = 0
  writer.endAttribute(start)
}

function badText(element: Element, part: 'key' | 'data' | 'comment'): WeftError {
  const text = element[part]
  return new WeftError(
    `${part} ${text === undefined ? 'is missing' : `"${text}" does not fit`} in an element of ${element.set} with key "${element.key}"`,
    { code: 'NFT_ELEMENT_INVALID', fault: 'internal', where: element.set },
  )
}

/** The comment in user data of an element or a table, if there is one. @throws WireError */
export function readComment(bytes: Buffer, start: number, end: number): string | undefined {
  let at = start
  while (at < end) {
    const length = at + 1 < end ? (bytes[at + 1] as number) : -1
    if (length < 0 || at + 2 + length > end) throw new WireError('user data', at, 'value is cut off')
    if (bytes[at] === c.NFTNL_UDATA_COMMENT) {
      const closed = length > 0 && bytes[at + 1 + length] === 0
      return bytes.toString('utf8', at + 2, at + 2 + length - (closed ? 1 : 0))
    }
    at += 2 + length
  }
  return undefined
}

/** One element as it was received: offsets of its parts, 0 to 0 where there is none. */
class RawElement {
  keyStart = 0
  keyEnd = 0
  endStart = 0
  endEnd = 0
  dataStart = 0
  dataEnd = 0
  flags = 0
  comment: string | undefined
  /** Of a verdict map: `jump CHAIN`, or the number of another verdict. */
  verdict: string | undefined
}

/** Reads the attributes of one NFTA_LIST_ELEM; what is unknown is passed over. @throws WireError */
function readRaw(attributes: AttributeReader): RawElement {
  const raw = new RawElement()
  while (attributes.next()) {
    switch (attributes.type) {
      case c.NFTA_SET_ELEM_KEY: {
        const value = valueOf(attributes)
        raw.keyStart = value.start
        raw.keyEnd = value.end
        break
      }
      case c.NFTA_SET_ELEM_KEY_END: {
        const value = valueOf(attributes)
        raw.endStart = value.start
        raw.endEnd = value.end
        break
      }
      case c.NFTA_SET_ELEM_DATA: {
        const data = attributes.nested()
        while (data.next()) {
          if (data.type === c.NFTA_DATA_VERDICT) raw.verdict = verdictOf(data)
          else if (data.type === c.NFTA_DATA_VALUE) {
            raw.dataStart = data.start
            raw.dataEnd = data.end
          }
        }
        break
      }
      case c.NFTA_SET_ELEM_FLAGS:
        raw.flags = attributes.u32be()
        break
      case c.NFTA_SET_ELEM_USERDATA:
        raw.comment = readComment(attributes.bytes, attributes.start, attributes.end)
        break
    }
  }
  return raw
}

function verdictOf(attributes: AttributeReader): string {
  const verdict = attributes.nested()
  let code = 0
  let chain = ''
  while (verdict.next()) {
    if (verdict.type === c.NFTA_VERDICT_CODE) code = verdict.u32be()
    else if (verdict.type === c.NFTA_VERDICT_CHAIN) chain = verdict.string()
  }
  return code === c.NFT_JUMP ? jump + chain : `verdict ${code}`
}

function valueOf(attributes: AttributeReader): AttributeReader {
  const value = attributes.nested()
  while (value.next()) if (value.type === c.NFTA_DATA_VALUE) return value
  throw new WireError('element', attributes.start, 'has no value')
}

/**
 * Turns what a dump brings into elements. Give it every message's attributes, then ask for `rest`: the intervals of a set with one field are known
 * only when all starts and ends are.
 */
export class ElementDecoder {
  readonly #shape: SetShape
  readonly #bounds: { at: Buffer; end: boolean; element: Element }[] = []

  constructor(shape: SetShape) {
    this.#shape = shape
  }

  /** Elements of one message (NFTA_SET_ELEM_LIST_*). @throws WireError */
  message(attributes: AttributeReader, into: Element[]): void {
    while (attributes.next()) {
      if (attributes.type !== c.NFTA_SET_ELEM_LIST_ELEMENTS) continue
      const list = attributes.nested()
      while (list.next()) this.#element(list.nested(), into)
    }
  }

  #element(attributes: AttributeReader, into: Element[]): void {
    const raw = readRaw(attributes)
    const { bytes } = attributes
    const { key, data, spec } = this.#shape
    // A catch-all element (`*`) has no key; nothing here writes one, so whoever compares must see it.
    const catchAll = (raw.flags & c.NFT_SET_ELEM_CATCHALL) !== 0
    const element: Element = { set: spec.name, key: '*' }
    const end = (raw.flags & c.NFT_SET_ELEM_INTERVAL_END) !== 0
    if (!catchAll && !spec.interval) element.key = readFields(key, bytes, raw.keyStart, raw.keyEnd)
    if (raw.verdict !== undefined) element.data = raw.verdict
    else if (data && !end) element.data = readFields(data, bytes, raw.dataStart, raw.dataEnd)
    if (raw.comment !== undefined) element.comment = raw.comment
    if (catchAll || !spec.interval) into.push(element)
    else if (isPlainInterval(this.#shape)) {
      this.#bounds.push({ at: slice(key, bytes, raw.keyStart, raw.keyEnd), end, element })
    } else {
      const first = slice(key, bytes, raw.keyStart, raw.keyEnd)
      const last = raw.endEnd === 0 ? first : slice(key, bytes, raw.endStart, raw.endEnd)
      element.key = readRanges(key, first, last)
      into.push(element)
    }
  }

  /** The intervals of a set with one field. An end without a start is the mark that nft puts at the lowest value, and means nothing. */
  rest(): Element[] {
    const bounds = this.#bounds.sort((a, b) => a.at.compare(b.at) || Number(b.end) - Number(a.end))
    const elements: Element[] = []
    for (const [index, bound] of bounds.entries()) {
      if (bound.end) continue
      const last = Buffer.from(bounds[index + 1]?.at ?? Buffer.alloc(bound.at.length))
      decrement(last)
      bound.element.key = readRanges(this.#shape.key, bound.at, last)
      elements.push(bound.element)
    }
    return elements
  }
}

function slice(layout: Layout, bytes: Buffer, start: number, end: number): Buffer {
  if (end - start !== layout.length) {
    throw new WireError('element', start, `key has ${end - start} bytes instead of ${layout.length}`)
  }
  return bytes.subarray(start, end)
}
