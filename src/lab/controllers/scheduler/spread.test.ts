import { describe, expect, it } from 'vitest'
import type { Node, Pod } from '../kinds.ts'
import { crowdedNodes } from './spread.ts'

const meta = (name: string, labels: Record<string, string>) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
  labels,
})
const node = (name: string, zone: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: meta(name, { name, zone }),
})
const nodes = [node('a', 'z1'), node('b', 'z1'), node('c', 'z2')]

function pod(maxSkew: number, topologyKey: string): Pod {
  const labelSelector = { matchLabels: { app: 'web' } }
  const constraint = { maxSkew, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector }
  const spec = { containers: [], topologySpreadConstraints: [constraint] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: meta('new', { app: 'web' }), spec }
}

const there: Record<string, number> = { a: 2, b: 0, c: 1 }
const podsOn = (name: string): Pod[] => Array.from({ length: there[name] ?? 0 }, () => pod(1, 'name'))
const crowded = (one: Pod): string[] => [...crowdedNodes(one, nodes, podsOn)].map(({ metadata }) => metadata.name)

describe('hard topology spread constraints', () => {
  it.each([
    [1, 'name', ['a', 'c']],
    [2, 'name', ['a']],
    [1, 'zone', ['a', 'b']],
    [2, 'zone', []],
    [1, 'missing', ['a', 'b', 'c']],
  ] as const)('maxSkew %i over %s forbids %j', (maxSkew, key, expected) => {
    expect(crowded(pod(maxSkew, key))).toEqual(expected)
  })
})
