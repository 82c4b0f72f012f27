import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { eventually } from '../../../../test/eventually.ts'
import { PortChannel } from './port-channel.ts'
import { join } from './port-forward.ts'

const servers: Server[] = []
const sockets: Socket[] = []

/** A pod's end of a connection, and the kubelet's. */
async function connection(): Promise<{ pod: Socket; socket: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [pod] = (await once(server, 'connection')) as [Socket]
  pod.on('error', () => {})
  servers.push(server)
  sockets.push(pod, socket)
  return { pod, socket }
}

/** A client's stream: what is pushed is what the client says. */
function clientStream(): { data: Duplex; heard: () => number } {
  let length = 0
  const data = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      length += chunk.length
      setImmediate(done)
    },
  })
  data.on('error', () => {})
  return { data, heard: () => length }
}

const nothing = (): Duplex => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
const large = 4_000_000

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

describe('a forwarded connection', () => {
  it('brings all that a client has said who is gone already, also where the pod has ended its side', async () => {
    const { pod, socket } = await connection()
    const { data } = clientStream()
    join(data, socket, nothing())
    pod.end('the answer')
    await once(socket, 'end')
    for (let left = large; left > 0; left -= 100_000) data.push(Buffer.alloc(100_000))
    data.push(null)
    let count = 0
    for await (const chunk of pod) {
      count += (chunk as Buffer).length
      // Slow: the client is gone long before the end.
      await turn()
    }
    expect(count).toBe(large)
  })

  it('reads what a client says to a pod that has gone, and tells the end', async () => {
    const { pod, socket } = await connection()
    const { data, heard } = clientStream()
    const errors = nothing()
    join(data, socket, errors)
    pod.end(Buffer.alloc(10_000))
    await eventually(() => expect(heard()).toBe(10_000))
    pod.destroy()
    for (let i = 0; i < 20; i++) data.push(Buffer.alloc(100_000))
    await once(errors, 'finish')
    await eventually(() => expect(data.readableLength).toBe(0))
    expect(data.destroyed).toBe(false)
  })

  it('is not kept for a client that has left before it was made', async () => {
    const { socket } = await connection()
    const { data } = clientStream()
    data.destroy()
    await once(data, 'close')
    join(data, socket, nothing())
    await once(socket, 'close')
  })
})

describe('a channel of the older way', () => {
  it('keeps what the client has said until it is read', async () => {
    const socket = { send: () => {}, pause: () => {}, resume: () => {} } as unknown as WebSocket
    const channel = new PortChannel(socket, 0, 80)
    for (let i = 0; i < 40; i++) channel.receive(Buffer.alloc(100_000))
    channel.hangUp()
    let count = 0
    channel.on('data', (data: Buffer) => (count += data.length))
    await once(channel, 'close')
    expect(count).toBe(large)
  })
})
