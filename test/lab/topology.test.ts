import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deleteNetns, listNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import { connectTcp, listenTcp } from '../../src/kernel/sockets.ts'
import { buildTopology } from '../../src/lab/topology/build.ts'
import { namespacesOf, planTopology } from '../../src/lab/topology/plan.ts'
import { labNamespaces, removeLab } from '../../src/lab/topology/remove.ts'

const isRoot = process.geteuid?.() === 0

describe.skipIf(!isRoot)('topology (needs root: makes network namespaces)', () => {
  const lab = `t${process.pid}`
  const plan = planTopology(lab, 2)
  const [node1, node2] = plan.nodes as [(typeof plan.nodes)[0], (typeof plan.nodes)[0]]
  const hostLinks = async () => (await run('ip', ['-o', 'link'])).stdout
  let before = ''

  beforeAll(async () => {
    before = await hostLinks()
    await buildTopology(plan)
  })
  afterAll(() => removeLab(lab))

  /** Whether a TCP connection from one namespace gets to the address of another. */
  async function reaches(from: string, to: string, address: string): Promise<boolean> {
    const [here, there] = [NetworkNamespace.named(from), NetworkNamespace.named(to)]
    const server = createServer().listen({ fd: listenTcp(there, address, 80) })
    const socket = connectTcp(here, { address, port: 80 }).setTimeout(5_000, () => socket.destroy(new Error('timeout')))
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
      server.close()
      here.close()
      there.close()
    }
  }

  it('makes all namespaces and leaves the host alone', async () => {
    expect(labNamespaces(lab)).toEqual(namespacesOf(plan).sort())
    expect(await hostLinks()).toBe(before)
  })

  it('joins nodes, API and client, the client through the router', async () => {
    expect(await reaches(node1.netns, node2.netns, node2.address)).toBe(true)
    expect(await reaches(node1.netns, plan.api.netns, plan.api.address)).toBe(true)
    expect(await reaches(plan.client.netns, node2.netns, node2.address)).toBe(true)
    expect(await reaches(node2.netns, plan.client.netns, plan.client.address)).toBe(true)
  })

  it('routes pods to their node, and Services to the first node', async () => {
    const via = async (netns: string, to: string) => (await run('ip', ['-n', netns, 'route', 'get', to])).stdout
    expect(await via(plan.router.netns, '10.42.1.7')).toContain(`via ${node2.address}`)
    expect(await via(plan.router.netns, '10.42.0.7')).toContain(`via ${node1.address}`)
    expect(await via(plan.router.netns, '10.43.0.1')).toContain(`via ${node1.address}`)
  })

  it('removes everything, twice if asked, and no other lab', async () => {
    const other = `weft-${lab}x-node1`
    await run('ip', ['netns', 'add', other])
    await removeLab(lab)
    await removeLab(lab)
    expect(labNamespaces(lab)).toEqual([])
    expect(listNetns()).toContain(other)
    await deleteNetns(other)
    expect(await hostLinks()).toBe(before)
  })
})
