import { describe, expect, it } from 'vitest'
import { addressBatches, linkBatches } from './links.ts'
import { namespacesOf, planTopology } from './plan.ts'

describe('planTopology', () => {
  it('gives each node its address, pod CIDR and zone', () => {
    const { nodes } = planTopology('demo', 3)
    expect(nodes.map((node) => [node.name, node.address, node.podCIDR, node.zone])).toEqual([
      ['node1', '172.30.0.11', '10.42.0.0/24', 'z1'],
      ['node2', '172.30.0.12', '10.42.1.0/24', 'z2'],
      ['node3', '172.30.0.13', '10.42.2.0/24', 'z3'],
    ])
  })

  it.each(['a-b', '', 'UPPER', 'averyverylongname', '../x'])('refuses the name "%s"', (name) => {
    expect(() => planTopology(name, 1)).toThrow(`"${name}" cannot be the name of a lab`)
  })

  it.each([0, -1, 1.5, 101, Number.NaN])('refuses %s nodes', (nodes) => {
    expect(() => planTopology('demo', nodes)).toThrow('a lab cannot have')
  })

  it('has no namespace whose name begins another lab', () => {
    const [a, b] = [planTopology('a', 1), planTopology('ab', 1)]
    expect(namespacesOf(b).some((name) => name.startsWith('weft-a-'))).toBe(false)
    expect(namespacesOf(a).every((name) => name.startsWith('weft-a-'))).toBe(true)
  })
})

describe('links', () => {
  it('makes every link inside the lab', () => {
    const plan = planTopology('demo', 2)
    const inside = new Set(namespacesOf(plan))
    expect([...linkBatches(plan), ...addressBatches(plan)].every((batch) => inside.has(batch.netns))).toBe(true)
  })

  it('leaves the routes between nodes to the agents, and gives the router one to each', () => {
    const plan = planTopology('demo', 2)
    const linesOf = (host: string) => addressBatches(plan).find(({ netns }) => netns.endsWith(host))?.lines
    expect(linesOf('node1')?.join()).not.toContain('10.42.')
    expect(linesOf('router')).toContain('route add 10.42.1.0/24 via 172.30.0.12')
  })
})
