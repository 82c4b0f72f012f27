import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../../test/eventually.ts'
import { relay } from './relay.ts'

const message = { method: 'GET', rawHeaders: ['Upgrade', 'x', 'Authorization', 'secret'] } as IncomingMessage
const relayed = { message, target: '/path', host: 'node' }
const large = 20_000_000
const open: (Server | Socket)[] = []

/** The two ends of a connection over loopback: of the one who asks, and of the one who is asked, who may go on after the other has ended (as an HTTP server's do). */
async function pair(): Promise<{ asker: Socket; asked: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const asker = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [asked] = (await once(server, 'connection')) as [Socket]
  for (const socket of [asker, asked]) socket.on('error', () => {})
  open.push(server, asker, asked)
  return { asker, asked }
}

/** A client and a server with a relay in between. */
async function joined(): Promise<{ client: Socket; server: Socket; towardsClient: Socket }> {
  const [ofClient, ofServer] = await Promise.all([pair(), pair()])
  relay(ofClient.asked, Buffer.from('head'), ofServer.asker, relayed)
  return { client: ofClient.asker, server: ofServer.asked, towardsClient: ofClient.asked }
}

async function bytesOf(socket: Socket): Promise<number> {
  let count = 0
  for await (const chunk of socket) {
    count += (chunk as Buffer).length
    await turn()
  }
  return count
}

afterEach(() => {
  for (const each of open.splice(0)) {
    if ('destroy' in each) each.destroy()
    else each.close()
  }
})

describe('a relay', () => {
  it('sends the request on without what is for itself', async () => {
    const { server } = await joined()
    let text = ''
    server.on('data', (data: Buffer) => (text += data.toString()))
    await eventually(() => expect(text).toBe('GET /path HTTP/1.1\r\nHost: node\r\nUpgrade: x\r\n\r\nhead'))
  })

  it.each(['client', 'server'] as const)('loses nothing of a %s that says much and is gone', async (who) => {
    const ends = await joined()
    const [from, to] = who === 'client' ? [ends.client, ends.server] : [ends.server, ends.client]
    from.resume()
    // The request that comes first.
    if (who === 'client') await once(to, 'data')
    to.pause()
    from.end(Buffer.alloc(large))
    from.once('finish', () => from.destroySoon())
    // Slow: it begins when the other one has nothing left to say, or can say no more.
    await eventually(() => expect(from.bytesWritten).toBeGreaterThan(1_000_000))
    expect(await bytesOf(to)).toBe(large)
  })

  it('brings the last words of a server although the client has not taken those before', async () => {
    const { client, server, towardsClient } = await joined()
    client.pause()
    server.resume()
    let sent = 0
    // Little at a time, until the kernel takes no more for the client, and some bytes wait in the relay.
    while (towardsClient.writableLength === 0) {
      server.write(Buffer.alloc(10_000))
      sent += 10_000
      while (towardsClient.bytesWritten < sent) await turn()
    }
    const closed = once(server, 'close')
    server.end()
    await closed
    expect(await bytesOf(client)).toBe(sent)
  })

  it('ends one side when the other has broken off', async () => {
    const { client, server } = await joined()
    server.resume()
    client.resetAndDestroy()
    await once(server, 'end')
  })
})
