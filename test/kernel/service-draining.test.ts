import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runPart, type RunningPart } from '../../src/daemon/run-part.ts'
import type { SliceEndpoint } from '../../src/model/endpoints.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from '../../src/proxy/testing.fixture.ts'
import { addresses, noRoot, type UdpClient, World } from './world.ts'

describe.skipIf(noRoot)(`a UDP endpoint that terminates${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('drain')
  const view = testView()
  const clusterIP = '10.43.0.10'
  let running: RunningPart
  let client: UdpClient

  const endpoints = (...found: SliceEndpoint[]): void => {
    const ports = [{ name: 'dns', protocol: 'UDP' as const, port: 8080 }]
    view.slices.set('default/dns-1', testSlice('dns', found, { ports }))
  }
  const answerer = async (of: UdpClient): Promise<string> => (await of.ask(clusterIP, 53)).split(' ')[0] ?? ''
  const stranger = async (): Promise<string> => (await world.udp('pod3', clusterIP, 53)).split(' ')[0] ?? ''

  beforeAll(async () => {
    await world.up()
    const port = testPort({ name: 'dns', protocol: 'UDP', port: 53 })
    view.services.replaceAll([['default/dns', testService('dns', { clusterIPs: [clusterIP], ports: [port] })]])
    view.slices.replaceAll([])
    endpoints(testEndpoint(addresses.pod1))
    const namespace = world.namespace('node')
    running = runPart(nftablesProxy({ view, family: 'IPv4', clusterUid: 'drain', namespace }), () => {})
    await running.started
    client = await world.udpClient('pod3', 'IPv4')
  })

  afterAll(async () => {
    client.close()
    running.stop()
    await world.down()
  })

  it('keeps those who speak with it until it serves no more, and gets nobody new', async () => {
    expect(await answerer(client)).toBe('pod1')
    const terminating = { ready: false, terminating: true }
    endpoints(testEndpoint(addresses.pod1, terminating), testEndpoint(addresses.pod2))
    await expect.poll(stranger).toBe('pod2')
    await running.part.reconciler.effectsIdle()
    expect(await answerer(client)).toBe('pod1')
    endpoints(testEndpoint(addresses.pod1, { ...terminating, serving: false }), testEndpoint(addresses.pod2))
    await expect.poll(() => answerer(client)).toBe('pod2')
  })
})
