import type { IncomingMessage } from 'node:http'
import { isMap, type Json } from './access.ts'
import { checkKind, type NamedKind, unreadableKind, unrecognized } from './body-kind.ts'
import { duplicateKeys } from './duplicate-keys.ts'
import { checkFields, checkOptions, type FieldValidation, quiet } from './field-validation.ts'
import { jsonType } from './go-text.ts'
import { parseValue } from './json-value.ts'
import { decodeProtobuf, protobufBodyType } from './protobuf-body.ts'
import { badRequest, StatusError, unsupportedBody } from './status.ts'

/** Bytes of a body that are read at most (kube-apiserver's limit). */
const maxBytes = 3 * 1024 * 1024
/** A longer body is read on to here, so that its sender gets to reading the answer. */
const maxReadBytes = 16 * maxBytes

/** @throws StatusError 413 */
export async function readBody(message: IncomingMessage): Promise<string> {
  return (await readBytes(message)).toString('utf8')
}

function readBytes(message: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    message.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else if (size <= maxReadBytes) reject(tooLarge())
      // The client goes on sending whatever it is told.
      else message.destroy()
    })
    message.on('end', () => resolve(Buffer.concat(chunks)))
    message.on('error', reject)
    message.on('close', () => reject(new Error('the client went away in the middle of its request')))
  })
}

const tooLarge = (): StatusError =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity is too large: limit is ${maxBytes}`)

/** The media type of the body, without parameters; JSON when there is none. */
export const mediaTypeOf = (message: IncomingMessage): string =>
  (message.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''

/** A body as JSON or YAML. @throws StatusError 415, or 400 with what `words` makes of the parser's */
async function parseBody(message: IncomingMessage, text: string, words: (problem: string) => string): Promise<unknown> {
  const type = mediaTypeOf(message)
  if (type === 'application/json') return parseJson(text, words)
  if (type !== 'application/yaml') throw unsupportedBody()
  return parseYaml(text, words)
}

/**
 * YAML 1.1, as Go's decoders read it (`y` is true, dates stay text, `1:30` is no number), as JSON has it: no value refers to one that holds it.
 * @throws StatusError 400
 */
export async function parseYaml(text: string, words: (problem: string) => string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    const value: unknown = parse(text, {
      version: '1.1',
      uniqueKeys: false,
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isForeign(tag)),
    })
    return parseValue(JSON.stringify(value ?? null, finite))
  } catch (error) {
    if (error instanceof StatusError) throw error
    throw badRequest(words(`yaml: ${(error as Error).message.split('\n')[0]}`))
  }
}

/** What YAML 1.1 knows and Go's decoders do not: times, and numbers to the base of sixty. */
const isForeign = ({ tag, format }: { tag: string; format?: string }): boolean =>
  tag === 'tag:yaml.org,2002:timestamp' || format === 'TIME'

/** `.inf` and `.nan` are no JSON; JSON.stringify would make null of them. */
function finite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`json: unsupported value: ${value}`)
  return value
}

/** @throws StatusError 400 */
export function parseJson(text: string, words: (problem: string) => string): unknown {
  try {
    return parseValue(text)
  } catch (error) {
    if (error instanceof StatusError) throw error
    const { message } = error as Error
    const position = Number(/at position (\d+)/.exec(message)?.[1] ?? Number.NaN)
    const cutShort = /end of JSON input|Unterminated/i.test(message) || position >= text.length
    throw badRequest(words(cutShort ? 'unexpected end of JSON input' : message))
  }
}

/**
 * The object in the body of a POST or PUT: kind and apiVersion may be left out, but not be others. Fields that the kind does not have are taken
 * away; what becomes of their names is up to the query (`fieldValidation`). @throws StatusError 400 or 415
 */
export async function objectFromBody(
  message: IncomingMessage,
  kind: NamedKind,
  validation: FieldValidation = quiet,
): Promise<Json> {
  const bytes = await readBytes(message)
  const object = await mapFromBody(message, bytes, kind)
  checkKind(object, kind, bytes)
  checkFields(object, kind, validation, () =>
    mediaTypeOf(message) === 'application/json' ? duplicateKeys(bytes.toString('utf8')) : [],
  )
  if (object['metadata'] === undefined || object['metadata'] === null) object['metadata'] = {}
  return object
}

/** @throws StatusError 400 or 415 if the body is no object */
async function mapFromBody(message: IncomingMessage, bytes: Buffer, kind: Pick<NamedKind, 'kind'>): Promise<Json> {
  const broken = (why: string): string =>
    unrecognized(kind, `couldn't get version/kind; json parse error: ${why}`, bytes)
  const object =
    mediaTypeOf(message) === protobufBodyType
      ? decodeProtobuf(bytes)
      : await parseBody(message, bytes.toString('utf8'), broken)
  if (isMap(object)) return object
  // Go leaves a null where it has no value to set, and then finds nothing in it.
  if (object === null) return {}
  throw badRequest(broken(`json: cannot unmarshal ${jsonType(object)} into Go value of type ${typeMeta}`))
}

/** As Go prints the type that it looks for kind and version with. */
const typeMeta =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

const optionsKind = { group: '', version: 'v1', kind: 'DeleteOptions' } as const

/** DeleteOptions in the body of a DELETE, which may be empty; kind and version are checked where they are used. @throws StatusError 400 or 415 */
export async function optionsFromBody(message: IncomingMessage): Promise<Json> {
  const bytes = await readBytes(message)
  if (bytes.length === 0) return {}
  const options = await mapFromBody(message, bytes, optionsKind)
  const unreadable = unreadableKind(options)
  if (unreadable !== undefined) throw badRequest(unrecognized(optionsKind, unreadable, bytes))
  checkOptions(options)
  return options
}
