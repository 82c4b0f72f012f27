import { describe, expect, it } from 'vitest'
import { type CIDR, parseCIDR } from '../../model/ip.ts'
import type { Plan, Previous } from '../../reconcile/types.ts'
import { podCIDRsPart } from './plan.ts'
import { decodeRangedNode, makePodCIDRView } from './view.ts'

const cidr = (text: string): CIDR => parseCIDR(text) as CIDR
const previous: Previous = { items: [], number: () => 1, held: () => undefined }

/** Plans the Node `n`, beside others. */
function plan(clusters: string[], podCIDRs: string[] | undefined, others: string[][] = [], known = true): Plan {
  const ranges = clusters.map((text) => ({ cluster: cidr(text), nodeMaskSize: text.includes(':') ? 64 : 24 }))
  const view = makePodCIDRView(ranges, [])
  const all: [string, string[] | undefined][] = [
    ...others.map((one, i): [string, string[]] => [`o${i}`, one]),
    ['n', podCIDRs],
  ]
  for (const [name, given] of all) {
    const metadata = { name, uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z' }
    const { key, value } = decodeRangedNode({ metadata, spec: given === undefined ? {} : { podCIDRs: given } })
    view.nodes.set(key, value)
  }
  if (known) view.ledger.update(view.nodes.entries())
  return podCIDRsPart(view).plan('n', previous, 0)
}

describe('a Node', () => {
  it('that has nothing gets what the ledger chose', () => {
    expect(plan(['10.42.0.0/16', 'fd42::/56'], undefined)).toMatchObject({
      items: [{ kind: 'podCIDRs', key: 'n/uid-n', value: '10.42.0.0/24,fd42::/64' }],
      rank: { gone: false, name: 'n' },
    })
  })

  it.each([
    ['is in order', ['10.42.9.0/24']],
    ['is another’s too', ['10.42.0.0/24']],
    ['is no block', ['10.42.9.0/27']],
    ['is elsewhere', ['192.0.2.0/24']],
    ['is of two families', ['10.42.9.0/24', 'fd42::/64']],
  ])('keeps what it has, also when that %s', (_, podCIDRs) => {
    const { items, refusals } = plan(['10.42.0.0/16'], podCIDRs, [['10.42.0.0/24']])
    expect(items.map(({ value }) => value)).toEqual([podCIDRs.join()])
    expect(refusals ?? []).toEqual([])
  })

  it('is told when nothing is left', () => {
    expect(plan(['10.42.0.0/24', 'fd42::/56'], undefined, [['10.42.0.0/24']])).toMatchObject({
      items: [],
      refusals: [
        {
          reason: 'CIDRNotAvailable',
          message:
            'all 1 blocks of /24 in the cluster CIDR 10.42.0.0/24 are taken; it gets one when another Node is deleted',
        },
      ],
    })
  })

  it('is told what it never gets', () => {
    const { items, refusals } = plan(['10.42.0.0/16', 'fd42::/56'], ['10.42.3.0/24'])
    expect(items.map(({ value }) => value)).toEqual(['10.42.3.0/24'])
    expect(refusals).toMatchObject([{ reason: 'PodCIDRFamilyMissing', message: expect.stringContaining('fd42::/56') }])
  })

  it('that the ledger has not heard of yet waits, and is told nothing', () => {
    expect(plan(['10.42.0.0/16'], undefined, [], false)).toMatchObject({ items: [], refusals: [] })
  })

  it('with podCIDR alone, as old API servers wrote it, has it', () => {
    expect(decodeRangedNode({ metadata: { name: 'n' }, spec: { podCIDR: '10.42.3.0/24' } }).value).toEqual({
      name: 'n',
      uid: '',
      createdMs: 0,
      podCIDRs: ['10.42.3.0/24'],
    })
  })
})
