import { describe, expect, it, vi } from 'vitest'
import { planTopology } from '../topology/plan.ts'
import { awaitPodCIDRs, type PodCIDRWait } from './pod-cidrs.ts'

const plan = planTopology('demo', 2, { stack: 'dual-stack' })
const api = (...answers: [string, string[]][][]) => ({
  podCIDRs: async () => new Map(answers.length > 1 ? answers.shift() : answers[0]),
})
const waiting: string[][] = []
const polling: PodCIDRWait = {
  wait: async (_what, missing) => {
    for (let left = await missing(); left.length > 0; left = await missing()) waiting.push(left)
  },
  allocator: () => 'unknown',
}

describe('awaitPodCIDRs', () => {
  it('waits for all, and puts them into the order of the families', async () => {
    const one: [string, string[]] = ['node1', ['fd00:42:0:7::/64', '10.42.9.0/24']]
    const nodes = await awaitPodCIDRs(api([one], [one, ['node2', ['10.42.1.0/24', 'fd00:42::/64']]]), plan, polling)
    expect(waiting).toEqual([['pod CIDR of node2']])
    expect(nodes.map(({ name, podCIDRs }) => [name, ...podCIDRs])).toEqual([
      ['node1', '10.42.9.0/24', 'fd00:42:0:7::/64'],
      ['node2', '10.42.1.0/24', 'fd00:42::/64'],
    ])
  })

  it.each([
    [['10.42.1.0/24'], 'got the pod CIDR 10.42.1.0/24, and the lab'],
    [['10.244.1.0/24', 'fd00:42::/64'], 'are to be in 10.42.0.0/16,fd00:42::/56'],
    [['10.0.0.0/8', 'fd00:42::/64'], 'got the pod CIDR 10.0.0.0/8'],
  ])('refuses %j', async (podCIDRs, message) => {
    const both: [string, string[]][] = [
      ['node1', podCIDRs],
      ['node2', podCIDRs],
    ]
    await expect(awaitPodCIDRs(api(both), plan, polling)).rejects.toThrow(message)
  })

  it('says after a while who should have given them', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(31_000)
    await expect(awaitPodCIDRs(api([]), plan, polling)).rejects.toMatchObject({
      code: 'LAB_NO_POD_CIDR',
      remedy: expect.stringContaining('--allocate-node-cidrs'),
    })
    clock.mockRestore()
  })
})
