import { describe, expect, it } from 'vitest'
import { crosses } from './cut-off.ts'
import type { Backend, Claim, Expectation, Origin } from './types.ts'

const nodeOrigin = (node: string): Origin => ({ kind: 'node', name: node, node, zone: '', nodeIPs: [], addresses: [] })
const podOrigin = (node: string): Origin => ({ kind: 'pod', name: `default/on-${node}`, uid: '', node, addresses: [] })
const outside: Origin = { kind: 'outside', name: 'outside', addresses: [] }
const backend = (node: string | undefined): Backend => ({
  address: '10.42.0.5',
  port: 80,
  pod: 'default/a',
  node,
  sources: { allowed: [], says: 'its own' },
})
const answers = (spread: 'all' | 'any', ...nodes: (string | undefined)[]): Expectation => ({
  kind: 'answers',
  backends: nodes.map(backend),
  spread,
})
const claim = (origin: Origin, expectation: Expectation, via?: string): Claim => ({
  check: 'c',
  what: 'w',
  group: 'g',
  origin,
  target: { address: '10.43.0.1', port: 80, protocol: 'TCP' },
  expectation,
  ...(via !== undefined && { via }),
  tries: { most: 1, least: 1 },
})

describe('crosses', () => {
  it.each<[string, boolean, Claim]>([
    ['from a node that is cut off to another', true, claim(nodeOrigin('n1'), answers('all', 'n2'))],
    ['from another to it', true, claim(podOrigin('n2'), answers('all', 'n1'))],
    ['to itself', false, claim(podOrigin('n1'), answers('all', 'n1'))],
    ['between others', false, claim(podOrigin('n2'), answers('all', 'n3'))],
    ['from outside through it', true, claim(outside, answers('all', 'n2'), 'n1')],
    ['from outside through another to it', true, claim(outside, answers('all', 'n1'), 'n2')],
    ['from outside past it', false, claim(outside, answers('all', 'n3'), 'n2')],
    ['from it to what is on no node', true, claim(podOrigin('n1'), answers('all', undefined))],
    ['to all of several, of which one is there', true, claim(nodeOrigin('n2'), answers('all', 'n1', 'n2'))],
    ['to any of several, of which one is there', false, claim(nodeOrigin('n2'), answers('any', 'n1', 'n2'))],
    ['to any of several that all are there', true, claim(nodeOrigin('n2'), answers('any', 'n1', 'n1'))],
    ['from it to the API', true, claim(nodeOrigin('n1'), { kind: 'api' })],
    ['from another to the API', false, claim(nodeOrigin('n2'), { kind: 'api' })],
    ['a refusal, which its own kernel may give', false, claim(nodeOrigin('n1'), { kind: 'refused', because: '' })],
  ])('%s: %s', (_, expected, given) => {
    expect(crosses(given, new Set(['n1']))).toBe(expected)
  })

  it('is never so where nobody is cut off', () => {
    expect(crosses(claim(podOrigin('n1'), answers('all', 'n2')), new Set())).toBe(false)
  })
})
