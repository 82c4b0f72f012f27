import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { listeningPorts, listeningPortsGently } from './listeners.ts'

it('finds the ports at which processes of a name listen, over both families', async () => {
  const own = readFileSync('/proc/self/comm', 'utf8').trim()
  const servers = await Promise.all(
    ['127.0.0.1', '::1'].map(async (host) => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, host, resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  expect(listeningPorts(own)).toEqual(expect.arrayContaining(ports))
  // Others of the name come and go.
  expect(await listeningPortsGently(own)).toEqual(expect.arrayContaining(ports))
  expect(listeningPorts('no-such-command')).toEqual([])
  for (const server of servers) server.close()
})
