import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deleteNetns, listNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import { connectTcp, listenTcp } from '../../src/kernel/sockets.ts'
import { buildTopology, routePods } from '../../src/lab/topology/build.ts'
import { LinkKeeper } from '../../src/lab/topology/keep-links.ts'
import { linkSetups } from '../../src/lab/topology/links.ts'
import { namespacesOf, planTopology } from '../../src/lab/topology/plan.ts'
import { labNamespaces, removeLab } from '../../src/lab/topology/remove.ts'
import { eventually } from '../eventually.ts'
import { afterSilence } from '../silence.ts'

const isRoot = process.geteuid?.() === 0

const stacks = [{ stack: 'dual-stack' }, { stack: 'ipv6' }] as const

describe.skipIf(!isRoot).each(stacks)('topology, $stack (needs root: makes network namespaces)', (options) => {
  const lab = `t${process.pid}`
  const plan = planTopology(lab, 2, options)
  const [node1, node2] = plan.nodes as [(typeof plan.nodes)[0], (typeof plan.nodes)[0]]
  const hostLinks = async () => (await run('ip', ['-o', 'link'])).stdout
  let before = ''

  beforeAll(async () => {
    before = await hostLinks()
    await buildTopology(plan)
    await routePods(plan, plan.nodes)
  })
  afterAll(() => removeLab(lab))

  /** Whether a TCP connection from one namespace gets to the address of another. */
  async function reaches(from: string, to: string, address: string): Promise<boolean> {
    const [here, there] = [NetworkNamespace.named(from), NetworkNamespace.named(to)]
    const server = createServer().listen({ fd: listenTcp(there, address, 80) })
    const socket = connectTcp(here, { address, port: 80 })
    const stop = afterSilence(10_000, () => socket.destroy(new Error('timeout')))
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      stop()
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

  it.each(plan.families.map((family, i) => ({ family, i })))(
    'joins nodes, API and client, the client through the router, by $family',
    async ({ i }) => {
      const of = ({ addresses }: { addresses: string[] }) => addresses[i] ?? ''
      expect(await reaches(node1.netns, node2.netns, of(node2))).toBe(true)
      expect(await reaches(node1.netns, plan.api.netns, of(plan.api))).toBe(true)
      expect(await reaches(plan.client.netns, node2.netns, of(node2))).toBe(true)
      expect(await reaches(node2.netns, plan.client.netns, of(plan.client))).toBe(true)
    },
  )

  it('routes pods to their node, and Services to the first node', async () => {
    const via = async (to = '') => (await run('ip', ['-n', plan.router.netns, 'route', 'get', to])).stdout
    for (const [i] of plan.families.entries()) {
      for (const { podCIDRs, addresses } of plan.nodes)
        expect(await via(podCIDRs[i]?.replace(/0?\/\d+$/, '7'))).toContain(`via ${addresses[i]} `)
      expect(await via(plan.serviceCIDRs[i]?.replace(/0?\/\d+$/, '1'))).toContain(`via ${node1.addresses[i]} `)
    }
  })

  it('has addresses of its families only, and neighbours that do not count as entries of the table', async () => {
    const { stdout } = await run('ip', ['-n', node1.netns, '-br', 'address', 'show', 'eth0'])
    expect(/\d+\.\d+\.\d+\.\d+/.test(stdout)).toBe(plan.families.includes('IPv4'))
    const neighbours = (await run('ip', ['-n', node1.netns, 'neigh'])).stdout.trim().split('\n')
    const known = neighbours.filter((line) => line.includes('PERMANENT')).map((line) => line.split(' ')[0])
    const others = [plan.router, plan.api, node2].flatMap(({ addresses }) => addresses)
    expect(new Set(known)).toEqual(new Set(others))
  })

  it('gives a link that was switched off all back that it had, and nothing to one that stays on', async () => {
    const show = async (...args: string[]): Promise<string[]> =>
      (await run('ip', ['-n', node1.netns, ...args])).stdout.trim().split('\n').sort()
    const all = async () => ({
      addresses: (await show('-br', 'address', 'show', 'eth0', 'scope', 'global')).join().split(/\s+/).slice(2).sort(),
      routes: [...(await show('-4', 'route')), ...(await show('-6', 'route', 'show', 'default'))],
      neighbours: (await show('neigh', 'show', 'dev', 'eth0', 'nud', 'permanent')).map((line) => line.trim()),
    })
    const before = await all()
    const setUp: unknown[] = []
    const keeper = new LinkKeeper(linkSetups(plan), (_, fields) => setUp.push(fields?.['link']))
    try {
      await run('ip', ['-n', node1.netns, 'link', 'set', 'eth0', 'down'])
      expect(await all()).not.toEqual(before)
      await run('ip', ['-n', node1.netns, 'link', 'set', 'eth0', 'up'])
      await eventually(async () => expect(await all()).toEqual(before))

      const [gateway = ''] = plan.router.addresses
      const route = ['default', 'via', gateway, 'dev', 'eth0']
      await run('ip', ['-n', node1.netns, 'route', 'del', ...route])
      await run('ip', ['-n', node1.netns, 'link', 'set', 'eth0', 'mtu', '1400'])
      // Another link's turn tells that all before it has been seen.
      keeper.add({ netns: node1.netns, link: 'other', lines: ['link show'] })
      await run('ip', ['-n', node1.netns, 'link', 'add', 'other', 'up', 'type', 'bridge'])
      await eventually(() => expect(setUp).toContain('other'))
      expect(setUp).toEqual(['eth0', 'other'])
      expect((await all()).routes).not.toEqual(before.routes)
      await run('ip', ['-n', node1.netns, 'route', 'add', ...route])
    } finally {
      keeper.close()
      await run('ip', ['-n', node1.netns, 'link', 'del', 'other'])
    }
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
