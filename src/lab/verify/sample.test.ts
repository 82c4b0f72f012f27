import { describe, expect, it } from 'vitest'
import type { PodOrigin } from './origins.ts'
import { mostPodsInFull, sampleOrigins } from './sample.ts'

const podsOn = (nodes: number, pods: number): PodOrigin[] =>
  Array.from({ length: pods }, (_, n) => ({
    kind: 'pod',
    name: `default/p${n}`,
    uid: `u${n}`,
    node: `n${n % nodes}`,
    addresses: [],
  }))

describe('sampleOrigins', () => {
  it('is everybody else in a small lab', () => {
    const pods = podsOn(3, mostPodsInFull)
    expect(sampleOrigins(pods, 'default/p0', 7)).toEqual(pods.slice(1))
  })

  it.each([
    [3, 60],
    [5, 100],
    [50, 500],
  ])('covers each pair of nodes in a lab of %i nodes and %i pods, and stays small', (nodes, count) => {
    const pods = podsOn(nodes, count)
    const pairs = new Set<string>()
    let sameNode = 0
    for (const pod of pods) {
      const asking = sampleOrigins(pods, pod.name, 7)
      expect(asking.some(({ name }) => name === pod.name)).toBe(false)
      expect(new Set(asking).size).toBe(asking.length)
      for (const { node } of asking) pairs.add(`${node} ${pod.node}`)
      sameNode += asking.filter(({ node }) => node === pod.node).length
    }
    expect(pairs.size).toBe(nodes * nodes)
    expect(sameNode).toBeLessThanOrEqual(Math.max(240, count))
  })

  it('is the same for the same seed, and another for another', () => {
    const pods = podsOn(3, 60)
    const of = (seed: number) => pods.map(({ name }) => sampleOrigins(pods, name, seed).map((origin) => origin.name))
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })
})
