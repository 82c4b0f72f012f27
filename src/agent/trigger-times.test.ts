import { describe, expect, it } from 'vitest'
import { ObjectStore } from '../kube/store.ts'
import type { EndpointSlice as ApiSlice } from '../kube/types.ts'
import type { EndpointSlice } from '../model/endpoints.ts'
import { decodeSlice } from '../proxy/view.ts'
import { TriggerTimes } from './trigger-times.ts'

const startedMs = Date.parse('2026-01-01T12:00:00Z')

const slice = (time: string | undefined): ApiSlice => ({
  metadata: {
    name: 'web-1',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'web' },
    ...(time !== undefined && { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time } }),
  },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.42.0.2'] }],
})

function after(...times: (string | undefined)[]): number | undefined {
  const triggers = new TriggerTimes(startedMs)
  const decode = triggers.noting(decodeSlice)
  for (const time of times) expect(decode(slice(time))?.key).toBe('default/web-1')
  const taken = triggers.take('default/web-1')
  expect(triggers.take('default/web-1')).toBeUndefined()
  return taken === undefined ? undefined : taken - startedMs
}

describe('the trigger of a change', () => {
  it.each([
    ['is what the annotation says', ['2026-01-01T12:00:05Z'], 5000],
    ['is the last of several that were not taken', ['2026-01-01T12:00:05Z', '2026-01-01T12:00:07Z'], 7000],
    ['is none from before the start', ['2026-01-01T11:59:59Z'], undefined],
    ['is none without annotation', [undefined], undefined],
    ['is none that is no time', ['yesterday'], undefined],
  ])('%s', (_, times, expected) => {
    expect(after(...times)).toBe(expected)
  })

  it('is none when the slice changed for another reason since', () => {
    const triggers = new TriggerTimes(startedMs)
    const decode = triggers.noting(decodeSlice)
    decode(slice('2026-01-01T12:00:05Z'))
    expect(triggers.take('default/web-1')).toBe(startedMs + 5000)
    decode(slice('2026-01-01T12:00:05Z'))
    expect(triggers.take('default/web-1')).toBeUndefined()
  })

  it('is forgotten with its slice, also where nobody takes it and nobody was told that the slice was there', async () => {
    const triggers = new TriggerTimes(startedMs)
    const slices = new ObjectStore<EndpointSlice>()
    triggers.forgetGone(slices)
    slices.replaceAll([])
    const decoded = triggers.noting(decodeSlice)(slice('2026-01-01T12:00:05Z'))
    if (decoded === undefined) throw new Error('it is one')
    const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    await told()
    slices.set(decoded.key, decoded.value)
    await told()
    expect(triggers.size).toBe(1)
    slices.delete(decoded.key)
    await told()
    expect(triggers.size).toBe(0)
    triggers.noting(decodeSlice)(slice('2026-01-01T12:00:06Z'))
    slices.set(decoded.key, decoded.value)
    slices.delete(decoded.key)
    await told()
    expect(triggers.size).toBe(0)
  })
})
