import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refusal } from './refusal.ts'

/** Status and words of an error for the one who asked; undefined words: nobody's business. */
function refusalOf(error: unknown): { status: number; message: string } {
  if (error instanceof Refusal) return error
  return { status: 500, message: error instanceof Error ? error.message : String(error) }
}

export function refuse(response: ServerResponse, error: unknown): void {
  const { status, message } = refusalOf(error)
  if (response.headersSent) response.destroy()
  else response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(message)
}

/** The same on a connection that HTTP has let go of. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, message } = refusalOf(error)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${message}`)
}

/** @throws Refusal 400 */
export function urlOf({ url = '/' }: IncomingMessage): URL {
  try {
    return new URL(url, 'https://kubelet')
  } catch {
    throw new Refusal(400, 'the URL cannot be parsed')
  }
}

/** A body that the client waits for; both ends may go at any moment. */
export async function sendAll(response: ServerResponse, pieces: AsyncIterable<Buffer>): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed) return
    if (piece.length > 0 && !response.write(piece)) await drained(response)
  }
  response.end()
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    response.once('drain', resolve).once('close', resolve)
  })
