import { describe, expect, it } from 'vitest'
import { conntrackConformance } from './conformance.ts'
import { FakeConntrack } from './fake.ts'

describe('the fake table of flows', () => {
  conntrackConformance(() => {
    const conntrack = new FakeConntrack()
    return { conntrack, insert: (flow) => conntrack.insert(flow) }
  })

  it('fails once on order', async () => {
    const conntrack = new FakeConntrack()
    conntrack.failNext('EPERM')
    expect(() => conntrack.forget([])).toThrow(expect.objectContaining({ errnoName: 'EPERM' }))
    expect(conntrack.forget([])).toBe(0)
  })
})
