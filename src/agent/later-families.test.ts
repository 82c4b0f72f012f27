import { describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { Parts } from '../daemon/parts.ts'
import type { RunnablePart } from '../daemon/run-part.ts'
import type { Family } from '../model/ip.ts'
import { FakeTarget } from '../reconcile/fake-target.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import { startLaterFamilies } from './later-families.ts'
import { ServiceCounts } from './service-counts.ts'
import { makeView } from './sources.ts'

/** A part that wants one thing; the target of `broken` cannot even be prepared. */
function partOf(target: FakeTarget, closed: () => void): RunnablePart {
  const reconciler = new Reconciler({
    part: {
      name: 'toy',
      kinds: { thing: { stage: 0 } },
      plan: (subject) => ({
        items: [{ kind: 'thing', key: subject, value: '1' }],
        rank: { gone: false, createdMs: 0, name: subject },
      }),
      learn: () => [],
      ownerOf: ({ key }) => key,
    },
    target,
  })
  return {
    reconciler,
    start: () => reconciler.start(['a']),
    dryRun: async () => [],
    follow: () => () => {},
    proxyFamily: 'IPv6',
    close: closed,
  }
}

describe('a family that comes while the agent runs', () => {
  it('is served by a part of its own, made anew when it cannot start, and disturbs none of the others', async () => {
    const stopping = new AbortController()
    const logged: string[] = []
    const log = (_level: string, message: string): void => void logged.push(message)
    const view = makeView({ nodeName: 'n1' })
    const parts = new Parts()
    const first = new FakeTarget([])
    await parts.run([partOf(first, () => {})], log)
    const listeners: ((family: Family) => void)[] = []
    const families = {
      served: [],
      onAdded: (listener: (family: Family) => void) => (listeners.push(listener), () => {}),
    }
    const targets: FakeTarget[] = []
    let closed = 0
    const agent = { parts, counts: new ServiceCounts(view, 'n1'), log, signal: stopping.signal }
    startLaterFamilies(
      agent,
      families,
      () => {
        const target = new FakeTarget([])
        if (targets.length === 0) target.prepare = () => Promise.reject(new Error('EOPNOTSUPP'))
        targets.push(target)
        return partOf(target, () => closed++)
      },
      1,
    )
    listeners[0]?.('IPv6')
    await eventually(() => expect(targets[1]?.items.size).toBe(1))
    expect(logged).toContain('a family of addresses cannot be served yet')
    expect(closed).toBe(1)
    expect(parts.running).toHaveLength(2)
    expect(parts.health().every(({ healthy }) => healthy)).toBe(true)
    expect(agent.counts.pending(parts.running[1] as (typeof parts.running)[number])).toEqual({
      services: 0,
      endpoints: 0,
    })
    expect(first.batches).toHaveLength(1)
    stopping.abort()
    parts.stop()
    expect(closed).toBe(2)
  })
})
