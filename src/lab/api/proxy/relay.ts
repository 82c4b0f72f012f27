import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Headers of one hop, and whom the request was authenticated by: not for the next one. */
const ownHeaders = new Set(['host', 'authorization', 'content-length', 'transfer-encoding'])

export interface Relayed {
  message: IncomingMessage
  /** Path and query at the other end. */
  target: string
  host: string
}

/**
 * Sends a request that asks for an upgrade on to another server, and joins the two connections byte by byte from then on: the answer, be it
 * 101 or a refusal, is the other server's. When one end is gone, so is the other, once it has got what was said before.
 */
export function relay(client: Socket, head: Buffer, server: Socket, { message, target, host }: Relayed): void {
  const lines = [`${message.method} ${target} HTTP/1.1`, `Host: ${host}`]
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? ''
    if (!ownHeaders.has(name.toLowerCase())) lines.push(`${name}: ${message.rawHeaders[i + 1]}`)
  }
  server.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) server.write(head)
  join(client, server)
}

/** The sockets' ends as well: an orderly one lets the other side finish; one by an error does not wait for anybody. */
function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setTimeout(0)
    from.setNoDelay(true)
    from.pipe(to)
    // An error of either is followed by its 'close'.
    from.on('error', () => {})
    from.once('close', () => (from.errored === null ? to.destroySoon() : to.destroy()))
  }
}
