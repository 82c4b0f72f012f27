import { once } from 'node:events'
import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../../kernel/namespaces.ts'
import { mustRun } from '../../kernel/process.ts'
import { connectTcp, udpSocket } from '../../kernel/sockets.ts'
import { parseEchoReply } from '../echo-protocol.ts'
import { PodEcho } from './echo.ts'

const isRoot = process.geteuid?.() === 0

describe.skipIf(!isRoot)('PodEcho (needs root: opens sockets in a network namespace)', () => {
  const name = `weft-t${process.pid}-echo`
  const address = '10.9.8.7'
  const identity = { pod: 'p', namespace: 'shop', node: 'node1', podIP: address }
  let namespace: NetworkNamespace
  let echo: PodEcho

  beforeAll(async () => {
    await createNetns(name)
    await mustRun('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    await mustRun('ip', ['-n', name, 'address', 'add', `${address}/32`, 'dev', 'lo'])
    namespace = NetworkNamespace.named(name)
    echo = new PodEcho(NetworkNamespace.named(name), identity)
  })
  afterAll(async () => {
    await echo.close()
    namespace.close()
    await deleteNetns(name)
  })

  async function askHttp(port: number): Promise<string> {
    const createConnection = () => connectTcp(namespace, { address, port })
    const request = get({ host: address, port, path: '/a?b', headers: { 'x-test': 'yes' }, createConnection })
    const [response] = await once(request, 'response')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return text
  }

  it('answers HTTP with who it is and what it saw', async () => {
    expect(await echo.setPorts([{ protocol: 'TCP', port: 8080, container: 'c' }])).toEqual([])
    expect(parseEchoReply(await askHttp(8080))).toMatchObject({
      ...identity,
      protocol: 'TCP',
      localAddress: address,
      localPort: 8080,
      clientAddress: address,
      path: '/a?b',
      method: 'GET',
      headers: { 'x-test': 'yes' },
    })
  })

  it('answers a datagram from the address that it was sent to', async () => {
    await echo.setPorts([{ protocol: 'UDP', port: 53, container: 'c' }])
    const client = await udpSocket(namespace)
    client.send('?', 53, address)
    const [message, from] = (await once(client, 'message')) as [Buffer, { address: string; port: number }]
    client.close()
    expect(from).toMatchObject({ address, port: 53 })
    expect(parseEchoReply(message.toString())).toMatchObject({ ...identity, protocol: 'UDP', localPort: 53 })
  })

  it('serves both families of a pod, and tells of each request', async () => {
    const six = 'fd00:9::7'
    await mustRun('ip', ['-n', name, 'address', 'add', `${six}/128`, 'dev', 'lo', 'nodad'])
    const lines: string[] = []
    const both = new PodEcho(NetworkNamespace.named(name), identity, [address, six], (container, line) =>
      lines.push(`${container}: ${line}`),
    )
    expect(
      await both.setPorts([
        { protocol: 'TCP', port: 7070, container: 'web' },
        { protocol: 'UDP', port: 7070, container: 'dns' },
      ]),
    ).toEqual([])
    for (const host of [address, six]) {
      const createConnection = () => connectTcp(namespace, { address: host, port: 7070 })
      const [response] = await once(get({ path: '/x', createConnection }), 'response')
      let text = ''
      for await (const chunk of response) text += String(chunk)
      expect(parseEchoReply(text)).toMatchObject({ localAddress: host, podIP: address })
    }
    const client = await udpSocket(namespace, { address: six })
    client.send('?', 7070, six)
    const [message] = (await once(client, 'message')) as [Buffer]
    client.close()
    expect(parseEchoReply(message.toString())).toMatchObject({ localAddress: six, protocol: 'UDP' })
    expect(lines).toEqual([`web: GET /x ${address}`, `web: GET /x ${six}`, `dns: UDP :7070 ${six}`])
    await both.close()
  })

  it('serves SCTP, or says once that the kernel has none', async () => {
    const sctp = new PodEcho(NetworkNamespace.named(name), identity)
    const errors = await sctp.setPorts([{ protocol: 'SCTP', port: 9, container: 'c' }])
    if (errors.length > 0) expect(errors[0]?.message).toMatch(/cannot serve SCTP\/9: .*EPROTONOSUPPORT/)
    else expect(sctp.openPorts).toEqual(['SCTP/9'])
    await sctp.close()
  })

  it('opens and closes ports as they come and go', async () => {
    await echo.setPorts([
      { protocol: 'TCP', port: 1, container: 'c' },
      { protocol: 'TCP', port: 2, container: 'c' },
    ])
    await echo.setPorts([{ protocol: 'TCP', port: 2, container: 'c' }])
    expect(echo.openPorts).toEqual(['TCP/2'])
    await expect(askHttp(1)).rejects.toThrow('ECONNREFUSED')
    expect(parseEchoReply(await askHttp(2))).toBeDefined()
  })

  it('says which port another process has', async () => {
    const other = new PodEcho(NetworkNamespace.named(name), identity)
    await echo.setPorts([{ protocol: 'TCP', port: 3, container: 'c' }])
    const [error] = await other.setPorts([{ protocol: 'TCP', port: 3, container: 'c' }])
    expect(error?.message).toMatch(/cannot serve TCP\/3: .*EADDRINUSE/)
    await other.close()
  })
})
