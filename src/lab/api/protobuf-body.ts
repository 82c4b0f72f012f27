import type { Json } from './access.ts'
import { type FieldType, type Message, messages } from './protobuf-tables.ts'
import { badRequest, StatusError } from './status.ts'

export const protobufBodyType = 'application/vnd.kubernetes.protobuf'

/** Before each message (runtime.Unknown) stands this (apimachinery, serializer/protobuf). */
const magic = Buffer.from('k8s\0')

const broken = (what: string): StatusError => badRequest(`the protobuf body cannot be decoded: ${what}`)

interface Field {
  number: number
  /** Of a varint. */
  value: bigint
  /** Of a length-delimited field. */
  bytes: Buffer
}

/** Reads one message; every read is checked against its end. */
class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  *fields(): Generator<Field> {
    while (this.#at < this.#bytes.length) {
      const tag = Number(this.#varint())
      const number = Math.floor(tag / 8)
      const wire = tag % 8
      const empty = Buffer.alloc(0)
      if (wire === 0) yield { number, value: this.#varint(), bytes: empty }
      else if (wire === 2) yield { number, value: 0n, bytes: this.#take(Number(this.#varint())) }
      else if (wire === 1) yield { number, value: 0n, bytes: this.#take(8) }
      else if (wire === 5) yield { number, value: 0n, bytes: this.#take(4) }
      else throw broken(`wire type ${wire}`)
    }
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw broken('it ends within a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    throw broken('a number is too long')
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (length < 0 || end > this.#bytes.length) throw broken('it ends within a field')
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return bytes
  }
}

const fieldsOf = (bytes: Buffer): Field[] => [...new Cursor(bytes).fields()]
const textOf = (fields: readonly Field[], number: number): string =>
  fields.findLast((field) => field.number === number)?.bytes.toString('utf8') ?? ''

/**
 * An object sent as protobuf. Fields that are not known are refused, not dropped.
 * @throws StatusError 400 or, for a kind that is only understood as JSON, 415
 */
export function decodeProtobuf(body: Buffer): Json {
  if (!body.subarray(0, magic.length).equals(magic)) throw broken('it does not begin with k8s')
  const unknown = fieldsOf(body.subarray(magic.length))
  const typeMeta = fieldsOf(unknown.find((field) => field.number === 1)?.bytes ?? Buffer.alloc(0))
  const apiVersion = textOf(typeMeta, 1)
  const kind = textOf(typeMeta, 2)
  const name = `${apiVersion}/${kind}`
  const message = Object.hasOwn(messages, name) ? messages[name] : undefined
  if (message === undefined)
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      `${kind} in version "${apiVersion}" is not understood as ${protobufBodyType}: send application/json`,
    )
  const raw = unknown.find((field) => field.number === 2)?.bytes ?? Buffer.alloc(0)
  return { apiVersion, kind, ...decode(raw, message, kind) }
}

function decode(bytes: Buffer, message: Message, path: string): Json {
  const object: Json = {}
  for (const field of new Cursor(bytes).fields()) {
    const entry = message[field.number]
    if (entry === undefined) throw broken(`field ${field.number} of ${path} is not known: send application/json`)
    const [name, type] = entry
    put(object, name, type, field, `${path}.${name}`)
  }
  return object
}

function put(object: Json, name: string, type: FieldType, field: Field, path: string): void {
  if (type === 'strings') object[name] = [...(object[name] ?? []), field.bytes.toString('utf8')]
  else if (type === 'ints') object[name] = [...(object[name] ?? []), Number(field.value)]
  else if (type === 'quantity') object[name] = textOf(fieldsOf(field.bytes), 1)
  else if (type === 'map' || type === 'bytesMap') {
    const entry = fieldsOf(field.bytes)
    const value = entry.findLast((part) => part.number === 2)?.bytes ?? Buffer.alloc(0)
    const pair = { [textOf(entry, 1)]: value.toString(type === 'map' ? 'utf8' : 'base64') }
    object[name] = { ...object[name], ...pair }
  } else if (type === 'quantities') {
    const entry = fieldsOf(field.bytes)
    const quantity = entry.findLast((part) => part.number === 2)?.bytes ?? Buffer.alloc(0)
    object[name] = { ...object[name], [textOf(entry, 1)]: textOf(fieldsOf(quantity), 1) }
  } else if (typeof type === 'object' && 'inline' in type) Object.assign(object, decode(field.bytes, type.inline, path))
  else if (typeof type === 'object' && 'list' in type)
    object[name] = [...(object[name] ?? []), decode(field.bytes, type.list, path)]
  else if (typeof type === 'object') object[name] = decode(field.bytes, type.message, path)
  else if (type !== 'skip') {
    const value = scalars[type](field)
    if (value !== undefined) object[name] = value
  }
}

type Scalar = Exclude<FieldType, 'strings' | 'ints' | 'quantity' | 'map' | 'bytesMap' | 'quantities' | 'skip' | object>

/** The zero value of what is no pointer in Go is "not set". */
const scalars: Readonly<Record<Scalar, (field: Field) => unknown>> = {
  string: (field) => field.bytes.toString('utf8') || undefined,
  'string?': (field) => field.bytes.toString('utf8'),
  int: (field) => Number(field.value) || undefined,
  'int?': (field) => Number(field.value),
  bool: (field) => field.value !== 0n || undefined,
  'bool?': (field) => field.value !== 0n,
  time: (field) => time(fieldsOf(field.bytes)),
  intOrString: (field) => intOrString(fieldsOf(field.bytes)),
}

/** metav1.Time: seconds since 1970 in field 1. @throws StatusError 400 for a time that no text can tell */
function time(fields: readonly Field[]): string | undefined {
  const seconds = fields.find((field) => field.number === 1)?.value
  if (seconds === undefined) return undefined
  const date = new Date(Number(seconds) * 1000)
  if (Number.isNaN(date.getTime())) throw broken(`${seconds} seconds are no time`)
  return `${date.toISOString().slice(0, 19)}Z`
}

/** intstr.IntOrString: type (1 for text), number, text. */
function intOrString(fields: readonly Field[]): number | string {
  const isText = fields.find((field) => field.number === 1)?.value === 1n
  return isText ? textOf(fields, 3) : Number(fields.find((field) => field.number === 2)?.value ?? 0n)
}
