import { once } from 'node:events'
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ipBatch } from './ip.ts'
import { createNetns, deleteNetns, NetworkNamespace } from './namespaces.ts'
import { connectTcp, listenTcp, udpSocket } from './sockets.ts'
import { writeSysctl } from './sysctl.ts'

const root = process.getuid?.() === 0

describe.skipIf(!root)('sockets in namespaces (needs root)', () => {
  const names = [`weft-t${process.pid}-a`, `weft-t${process.pid}-b`] as const
  let a: NetworkNamespace
  let b: NetworkNamespace

  beforeAll(async () => {
    for (const name of names) await createNetns(name)
    a = NetworkNamespace.named(names[0])
    b = NetworkNamespace.named(names[1])
    for (const ns of [a, b]) {
      writeSysctl(ns, 'net.ipv6.conf.default.accept_dad', 0)
      await ipBatch(['link set lo up'], { netns: ns })
    }
    await ipBatch([`link add v0 type veth peer name v0 netns ${names[1]}`], { netns: a })
    await ipBatch(['addr add 10.1.0.1/24 dev v0', 'addr add fd01::1/64 dev v0', 'link set v0 up'], { netns: a })
    await ipBatch(
      ['addr add 10.1.0.2/24 dev v0', 'addr add 10.1.0.3/24 dev v0', 'addr add fd01::2/64 dev v0', 'link set v0 up'],
      { netns: b },
    )
  })
  afterAll(async () => {
    a.close()
    b.close()
    for (const name of names) await deleteNetns(name)
  })

  /** A server in b that says who called. */
  async function greeter(address: string): Promise<{ server: Server; port: number }> {
    const server = createServer((socket) => socket.end(`hello ${socket.remoteAddress}`))
    server.listen({ fd: listenTcp(b, address, 0) })
    await once(server, 'listening')
    const bound = server.address()
    return { server, port: bound !== null && typeof bound === 'object' ? bound.port : 0 }
  }

  async function read(socket: Socket): Promise<string> {
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }

  const failure = async (socket: Socket): Promise<NodeJS.ErrnoException> => {
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
    return error
  }

  it.each([
    ['10.1.0.2', '10.1.0.1'],
    ['fd01::2', 'fd01::1'],
  ])('listens at and connects to %s', async (address, from) => {
    const { server, port } = await greeter(address)
    const socket = connectTcp(a, { address, port })
    expect(socket.connecting).toBe(true)
    let connected = 0
    socket.on('connect', () => connected++)
    expect(await read(socket)).toBe(`hello ${from}`)
    expect(connected).toBe(1)
    server.close()
  })

  it('connects from a chosen address', async () => {
    const { server, port } = await greeter('10.1.0.2')
    const socket = connectTcp(b, { address: '10.1.0.2', port, localAddress: '10.1.0.3' })
    expect(await read(socket)).toBe('hello 10.1.0.3')
    server.close()
  })

  it('cannot reach from outside what listens inside', async () => {
    const { server, port } = await greeter('127.0.0.1')
    const socket = connectTcp(a, { address: '10.1.0.2', port })
    expect(await failure(socket)).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '10.1.0.2' })
    server.close()
  })

  it('says EHOSTUNREACH, ENETUNREACH and EADDRNOTAVAIL as Node does', async () => {
    expect(await failure(connectTcp(a, { address: '10.1.0.99', port: 80 }))).toMatchObject({ code: 'EHOSTUNREACH' })
    expect(await failure(connectTcp(a, { address: '10.9.0.1', port: 80 }))).toMatchObject({ code: 'ENETUNREACH' })
    const wrongSource = connectTcp(a, { address: '10.1.0.2', port: 80, localAddress: '10.1.0.77' })
    expect(await failure(wrongSource)).toMatchObject({ code: 'EADDRNOTAVAIL' })
  })

  it('times out by setTimeout where packets vanish', async () => {
    await ipBatch(['route add blackhole 10.1.0.1/32 table 7', 'rule add from all lookup 7 priority 1'], { netns: b })
    const socket = connectTcp(a, { address: '10.1.0.2', port: 80 })
    socket.setTimeout(200)
    await once(socket, 'timeout')
    socket.destroy()
    await ipBatch(['rule del priority 1'], { netns: b })
  })

  it('serves http.request', async () => {
    const server = createHttpServer((request, response) => response.end(`${request.url}`))
    server.listen({ fd: listenTcp(b, '10.1.0.2', 8080) })
    const options = {
      host: '10.1.0.2',
      port: 8080,
      path: '/x',
      createConnection: () => connectTcp(a, { address: '10.1.0.2', port: 8080 }),
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(options, resolve).on('error', reject)
    })
    let body = ''
    for await (const chunk of response) body += String(chunk)
    expect(body).toBe('/x')
    server.close()
    const refused = get({ ...options, createConnection: () => connectTcp(a, { address: '10.1.0.2', port: 8081 }) })
    expect((await once(refused, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it.each([
    ['10.1.0.2', '10.1.0.1'],
    ['fd01::2', 'fd01::1'],
  ])('exchanges datagrams with %s', async (address, from) => {
    const server = await udpSocket(b, { address, port: 5353 })
    server.on('message', (message, peer) => server.send(`${String(message)} ${peer.address}`, peer.port, peer.address))
    const client = await udpSocket(a, { address: from })
    client.send('ping', 5353, address)
    const [answer] = (await once(client, 'message')) as [Buffer]
    expect(String(answer)).toBe(`ping ${from}`)
    server.close()
    client.close()
  })

  it('refuses what is taken or not there', async () => {
    const { server, port } = await greeter('10.1.0.2')
    expect(() => listenTcp(b, '10.1.0.2', port)).toThrow(expect.objectContaining({ errnoName: 'EADDRINUSE' }))
    expect(() => listenTcp(b, '10.1.0.1', 80)).toThrow(expect.objectContaining({ errnoName: 'EADDRNOTAVAIL' }))
    expect(() => connectTcp(b, { address: 'localhost', port: 80 })).toThrow(/not an IP address/)
    server.close()
  })
})
