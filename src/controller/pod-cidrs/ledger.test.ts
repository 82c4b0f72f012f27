import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CIDR, cidrsOverlap, parseCIDR } from '../../model/ip.ts'
import { Ledger } from './ledger.ts'
import type { RangedNode } from './view.ts'

const cidr = (text: string): CIDR => parseCIDR(text) as CIDR
const range = (cluster: string, nodeMaskSize: number) => ({ cluster: cidr(cluster), nodeMaskSize })
const node = (name: string, podCIDRs: readonly string[] = [], uid = name, createdMs = 0): RangedNode => ({
  name,
  uid,
  createdMs,
  podCIDRs,
})

/** Nodes in, and what each of them gets or has. */
class Cluster {
  readonly ledger: Ledger
  readonly nodes = new Map<string, RangedNode>()

  constructor(ranges: [string, number][], serviceCIDRs: string[] = []) {
    this.ledger = new Ledger(
      ranges.map(([cluster, mask]) => range(cluster, mask)),
      serviceCIDRs.map(cidr),
    )
  }

  add(...nodes: RangedNode[]): this {
    for (const one of nodes) this.nodes.set(one.name, one)
    this.ledger.update(nodes.map((one) => [one.name, one] as const))
    return this
  }

  remove(name: string): Set<string> {
    this.nodes.delete(name)
    return this.ledger.update([[name, undefined]])
  }

  of(name: string): string | undefined {
    return this.ledger.assigned(name, this.nodes.get(name)?.uid ?? '')?.join()
  }
}

const single = (mask = 24, cluster = '10.42.0.0/16'): Cluster => new Cluster([[cluster, mask]])

describe('the next block', () => {
  it('is the first one, then each after the last', () => {
    const cluster = single().add(node('a'), node('b'), node('c'))
    expect(['a', 'b', 'c'].map((name) => cluster.of(name))).toEqual(['10.42.0.0/24', '10.42.1.0/24', '10.42.2.0/24'])
  })

  it('is not one that was freed, before the end is reached', () => {
    const cluster = single(26, '10.42.0.0/24').add(node('a'), node('b'))
    cluster.remove('a')
    cluster.add(node('c'), node('d'), node('e'))
    expect(['c', 'd', 'e'].map((name) => cluster.of(name))).toEqual([
      '10.42.0.128/26',
      '10.42.0.192/26',
      '10.42.0.0/26',
    ])
  })

  it('goes to the oldest, then by name as people count', () => {
    const cluster = single().add(node('node-10'), node('node-9'), node('later', [], 'later', 5))
    expect(['node-9', 'node-10', 'later'].map((name) => cluster.of(name))).toEqual([
      '10.42.0.0/24',
      '10.42.1.0/24',
      '10.42.2.0/24',
    ])
  })

  it('is one of each family', () => {
    const cluster = new Cluster([
      ['10.42.0.0/16', 24],
      ['fd42::/56', 64],
    ]).add(node('a'), node('b'))
    expect(cluster.of('b')).toBe('10.42.1.0/24,fd42:0:0:1::/64')
  })
})

describe('blocks that are not free', () => {
  it.each([
    ['another Node has it', ['10.42.0.0/24'], '10.42.1.0/24'],
    ['a smaller one of another Node lies in it', ['10.42.0.64/26'], '10.42.1.0/24'],
    ['a larger one of another Node covers it', ['10.42.0.0/22'], '10.42.4.0/24'],
    ['another Node has it, and more', ['10.40.0.0/14'], undefined],
    ['what another Node has is elsewhere', ['10.99.0.0/24'], '10.42.0.0/24'],
    ['what another Node has is of the other family', ['fd42::/64'], '10.42.0.0/24'],
    ['what another Node has is nonsense', ['10.42.0.0/240'], '10.42.0.0/24'],
  ])('%s', (_, taken, expected) => {
    expect(single().add(node('old', taken), node('new')).of('new')).toBe(expected)
  })

  it('lie in a service CIDR', () => {
    const cluster = new Cluster([['10.42.0.0/16', 24]], ['10.42.0.0/20', 'fd43::/112']).add(node('a'))
    expect(cluster.of('a')).toBe('10.42.16.0/24')
  })

  it('are told from those of a Node that came later with its own', () => {
    const cluster = single().add(node('a'))
    cluster.add(node('b', ['10.42.1.0/24']), node('c'))
    expect(cluster.of('c')).toBe('10.42.2.0/24')
  })

  it('are free again only when the last that overlaps them goes', () => {
    const cluster = single(25, '10.42.0.0/24').add(node('x', ['10.42.0.0/24']), node('y', ['10.42.0.0/25']))
    cluster.add(node('waiting'))
    expect(cluster.of('waiting')).toBeUndefined()
    cluster.remove('x')
    expect(cluster.of('waiting')).toBe('10.42.0.128/25')
  })
})

describe('a full range', () => {
  it('gives nothing of the other family either', () => {
    const cluster = new Cluster([
      ['10.42.0.0/24', 25],
      ['fd42::/56', 64],
    ]).add(node('a'), node('b'), node('c'))
    expect(cluster.of('c')).toBeUndefined()
    expect([...cluster.remove('a')]).toEqual(['c'])
    expect(cluster.of('c')).toBe('10.42.0.0/25,fd42:0:0:2::/64')
  })

  it('gives what is freed to who has waited longest', () => {
    const cluster = single(24, '10.42.0.0/24').add(node('a'))
    cluster.add(node('young', [], 'young', 9)).add(node('old', [], 'old', 1))
    expect([...cluster.remove('a')]).toEqual(['old'])
  })
})

describe('a Node', () => {
  it('keeps what was chosen until it shows it', () => {
    const cluster = single().add(node('a'))
    cluster.add(node('a'), node('b'))
    expect(cluster.of('a')).toBe('10.42.0.0/24')
    cluster.add(node('a', ['10.42.0.0/24']))
    expect(cluster.of('a')).toBeUndefined()
    expect(cluster.add(node('c')).of('c')).toBe('10.42.2.0/24')
  })

  it('that somebody else was faster with gives back what was chosen', () => {
    const cluster = single(25, '10.42.0.0/24').add(node('a'))
    cluster.add(node('a', ['10.42.0.128/25']), node('b'))
    expect(cluster.of('b')).toBe('10.42.0.0/25')
  })

  it('that was registered anew gets one anew', () => {
    const cluster = single().add(node('a', ['10.42.7.0/24'], 'first'))
    cluster.add(node('a', [], 'second'))
    expect(cluster.of('a')).toBe('10.42.0.0/24')
    cluster.add(node('a', [], 'third'))
    expect(cluster.of('a')).toBe('10.42.1.0/24')
  })
})

it('IPv6 blocks are counted across 64-bit borders', () => {
  const cluster = single(72, 'fd42::/60')
  for (let i = 0; i < 300; i++) cluster.add(node(`n${i}`))
  expect(cluster.of('n255')).toBe('fd42::ff00:0:0:0/72')
  expect(cluster.of('n256')).toBe('fd42:0:0:1::/72')
})

describe('whatever Nodes come, go, are named anew or bring', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const taken = fc.constantFrom('10.42.0.0/26', '10.42.0.64/27', '10.42.0.0/25', '10.0.0.0/8', '192.0.2.0/24', 'x')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('join' as const), name }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('leave' as const), name }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('show' as const), name }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('bring' as const), name, taken }) },
  )

  it('what is given never overlaps what anybody has, and never changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cluster = new Cluster([['10.42.0.0/24', 26]], ['10.42.0.192/28'])
        let serial = 0
        let before = new Map<string, string>()
        for (const one of steps) {
          const there = cluster.nodes.get(one.name)
          if (one.op === 'join' && !there) cluster.add(node(one.name, [], `uid-${serial++}`))
          if (one.op === 'leave') cluster.remove(one.name)
          if (one.op === 'bring' && !there) cluster.add(node(one.name, [one.taken], `uid-${serial++}`))
          const given = cluster.of(one.name)
          if (one.op === 'show' && there && given) cluster.add({ ...there, podCIDRs: given.split(',') })
          before = check(cluster, before)
        }
      }),
    )
  })

  /** What each Node (by uid) has or is to get. */
  function check(cluster: Cluster, before: ReadonlyMap<string, string>): Map<string, string> {
    const now = new Map<string, string>()
    for (const { name, uid, podCIDRs } of cluster.nodes.values()) {
      const text = podCIDRs.join() || cluster.of(name)
      if (text !== undefined) now.set(uid, text)
    }
    for (const [uid, text] of before) expect(now.get(uid) ?? text).toBe(text)
    for (const { name, uid } of cluster.nodes.values()) {
      const given = cluster.of(name)
      // What somebody else brings later may overlap: that is theirs to answer for.
      if (given !== undefined && !before.has(uid)) expect(overlapping(given, uid, now)).toEqual([])
    }
    return now
  }

  const overlapping = (given: string, uid: string, now: ReadonlyMap<string, string>): string[] =>
    [...[...now].flatMap(([other, text]) => (other === uid ? [] : [text])), '10.42.0.192/28'].filter((text) => {
      const other = parseCIDR(text)
      return other !== undefined && cidrsOverlap(cidr(given), other)
    })
})
