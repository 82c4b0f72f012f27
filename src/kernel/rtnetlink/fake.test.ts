import { describe, expect, it } from 'vitest'
import { addRoute, conformance, conformanceSetup } from './conformance.ts'
import { FakeRouteNetlink } from './fake.ts'

const make = (): FakeRouteNetlink => {
  const net = new FakeRouteNetlink()
  const [failure] = net.apply(conformanceSetup)
  if (failure) throw failure.error
  return net
}

conformance('fake', make)

describe('what tests can make the fake namespace do', () => {
  it('refuses chosen changes until told otherwise', () => {
    const net = make()
    const change = addRoute({ dst: '10.42.1.0/24', via: '10.0.0.2', dev: 'br0' })
    net.refuse(({ object }) => (object === 'route' ? 'ENOMEM' : undefined))
    expect(net.apply([change]).map(({ error }) => error.errnoName)).toEqual(['ENOMEM'])
    net.refuse(undefined)
    expect(net.apply([change])).toEqual([])
    expect(net.applied.at(-1)).toBe(change)
  })
})
