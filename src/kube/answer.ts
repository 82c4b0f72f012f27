import type { IncomingMessage } from 'node:http'
import { ApiError, malformedError } from './errors.ts'
import type { CallDescription, Exchange } from './exchange.ts'
import type { Status } from './types.ts'

/** The parsed body of a good answer (text as it is where the server says text/plain, as /readyz does). */
export async function readAnswer<T>(exchange: Exchange): Promise<T> {
  const response = await exchange.response
  const status = response.statusCode ?? 0
  if (status < 200 || status > 299) throw await readFailure(response, exchange.description)
  const text = await readBody(response)
  if (contentType(response).startsWith('text/plain')) return text as T
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw malformedError('the API server answered with something that is no JSON', exchange.description.url, cause)
  }
}

/** The typed error of a bad answer. */
export async function readFailure(response: IncomingMessage, call: CallDescription): Promise<ApiError> {
  const text = await readBody(response)
  const seconds = Number(response.headers['retry-after'])
  const retryAfterSeconds = Number.isFinite(seconds) ? seconds : undefined
  return new ApiError(response.statusCode ?? 0, statusOf(response, text), { ...call, retryAfterSeconds })
}

/** Proxies before the API answer with pages and lines of text; a short line is worth showing. */
function statusOf(response: IncomingMessage, text: string): Partial<Status> {
  try {
    const parsed = JSON.parse(text) as Partial<Status> | null
    if (parsed?.kind === 'Status') return parsed
  } catch {
    const line = contentType(response).startsWith('text/plain') ? text.trim() : ''
    if (line && line.length < 200 && !line.includes('\n')) return { message: line }
  }
  return {}
}

const contentType = (response: IncomingMessage): string => response.headers['content-type'] ?? ''

/** The whole body, joined once. */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
