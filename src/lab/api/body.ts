import type { IncomingMessage } from 'node:http'
import { isMap, type Json } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds } from './kinds.ts'
import { decodeProtobuf, protobufBodyType } from './protobuf-body.ts'
import { badRequest, StatusError, unsupportedBody } from './status.ts'

/** Bytes of a body that are read at most (kube-apiserver's limit). */
const maxBytes = 3 * 1024 * 1024

/** @throws StatusError 413 */
export async function readBody(message: IncomingMessage): Promise<string> {
  return (await readBytes(message)).toString('utf8')
}

async function readBytes(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes)
      throw new StatusError(413, 'RequestEntityTooLarge', `Request entity is too large: limit is ${maxBytes}`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The media type of the body, without parameters; JSON when there is none. */
export const mediaTypeOf = (message: IncomingMessage): string =>
  (message.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''

/** A body as JSON or YAML. @throws StatusError 415, or 400 with what `words` makes of the parser's */
export async function parseBody(
  message: IncomingMessage,
  text: string,
  words: (problem: string) => string,
): Promise<unknown> {
  const type = mediaTypeOf(message)
  if (type === 'application/json') return parseJson(text, words)
  if (type !== 'application/yaml') throw unsupportedBody()
  const { parse } = await import('yaml')
  try {
    return parse(text)
  } catch (error) {
    throw badRequest(words(`yaml: ${(error as Error).message}`))
  }
}

/** @throws StatusError 400 */
export function parseJson(text: string, words: (problem: string) => string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    const position = Number(/at position (\d+)/.exec(message)?.[1] ?? Number.NaN)
    const cutShort = /end of JSON input|Unterminated/i.test(message) || position >= text.length
    throw badRequest(words(cutShort ? 'unexpected end of JSON input' : message))
  }
}

/** The object in the body of a POST or PUT: kind and apiVersion may be left out, but not be others. @throws StatusError 400 or 415 */
export async function objectFromBody(
  message: IncomingMessage,
  kind: Pick<Kind, 'kind' | 'group' | 'version'>,
): Promise<Json> {
  const bytes = await readBytes(message)
  const text = bytes.toString('utf8')
  const unrecognized = (problem: string): string =>
    `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error: ${problem} (${text === '' ? '<empty>' : text.slice(0, 1024)})`
  const object =
    mediaTypeOf(message) === protobufBodyType ? decodeProtobuf(bytes) : await parseBody(message, text, unrecognized)
  if (!isMap(object)) throw badRequest(unrecognized('json: cannot unmarshal array into Go value of type struct'))
  checkKind(object, kind)
  if (object['metadata'] === undefined || object['metadata'] === null) object['metadata'] = {}
  return object
}

/** @throws StatusError 400 if the object is of another kind or version */
export function checkKind(object: Json, kind: Pick<Kind, 'kind' | 'group' | 'version'>): void {
  const expected = apiVersionOf(kind)
  const { kind: name = kind.kind, apiVersion = expected } = object
  if (name === kind.kind && apiVersion === expected) return
  const known = kinds.find((other) => other.kind === name && apiVersionOf(other) === apiVersion)
  const version = String(apiVersion).split('/').at(-1)
  const sameGroup = String(apiVersion).split('/')[0] === kind.group && kind.group !== ''
  if (name === kind.kind && sameGroup)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    )
  const why =
    known === undefined
      ? `no kind "${name}" is registered for version "${apiVersion}"`
      : `converting (${version}.${name}) to (${kind.kind}): unknown conversion`
  throw badRequest(`${name} in version "${version}" cannot be handled as a ${kind.kind}: ${why}`)
}

/** DeleteOptions in the body of a DELETE, which may be empty. @throws StatusError 400 or 415 */
export async function optionsFromBody(message: IncomingMessage): Promise<Json> {
  const bytes = await readBytes(message)
  if (bytes.length === 0) return {}
  if (mediaTypeOf(message) === protobufBodyType) return decodeProtobuf(bytes)
  const words = (problem: string): string => `error decoding options: ${problem}`
  const body = await parseBody(message, bytes.toString('utf8'), words)
  if (!isMap(body)) throw badRequest(words('json: cannot unmarshal array into Go value'))
  return body
}
