import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical } from '../canonical.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../kinds.ts'
import { type DesiredGroup, planSlices, type SliceContent } from './reconcile.ts'

const endpoint = (id: number, ready = true): Endpoint => ({
  addresses: [`10.42.0.${id}`],
  conditions: { ready, serving: ready, terminating: false },
  targetRef: { kind: 'Pod', namespace: 'default', name: `pod-${id}`, uid: `uid-${id}` },
})
const http: EndpointPort[] = [{ name: 'http', protocol: 'TCP', port: 8080 }]
const other: EndpointPort[] = [{ name: 'http', protocol: 'TCP', port: 9090 }]

let nextName = 0
const slice = ({ ports, endpoints }: SliceContent): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `web-${nextName++}`, uid: '', resourceVersion: '', creationTimestamp: '' },
  addressType: 'IPv4',
  ports,
  endpoints,
})
const group = (ports: EndpointPort[], ids: readonly number[]): DesiredGroup => ({
  ports,
  endpoints: ids.map((id) => endpoint(id)),
})
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

function apply(existing: readonly EndpointSlice[], desired: readonly DesiredGroup[], max: number): EndpointSlice[] {
  const { create, update, remove } = planSlices(desired, existing, max)
  const kept = existing.filter((one) => !remove.includes(one))
  return [
    ...kept.map((one) => ({ ...one, ...update.find((change) => change.slice === one)?.content })),
    ...create.map(slice),
  ]
}

describe('planSlices', () => {
  it('keeps one slice without endpoints for a Service without pods', () => {
    const plan = planSlices([], [])
    expect(plan).toEqual({ create: [{ ports: null, endpoints: null }], update: [], remove: [] })
    expect(planSlices([], [slice({ ports: null, endpoints: null })])).toEqual({ create: [], update: [], remove: [] })
  })

  it('fills the empty slice by an update', () => {
    const empty = slice({ ports: null, endpoints: null })
    const plan = planSlices([group(http, [1])], [empty])
    expect(plan).toEqual({
      create: [],
      remove: [],
      update: [{ slice: empty, content: { ports: http, endpoints: [endpoint(1)] } }],
    })
  })

  it('makes the last slice the empty one', () => {
    const only = slice({ ports: http, endpoints: [endpoint(1)] })
    expect(planSlices([], [only])).toEqual({
      create: [],
      remove: [],
      update: [{ slice: only, content: { ports: null, endpoints: null } }],
    })
  })

  it('changes the ports of a slice in place', () => {
    const only = slice({ ports: http, endpoints: [endpoint(1)] })
    const plan = planSlices([group(other, [1])], [only])
    expect(plan).toEqual({
      create: [],
      remove: [],
      update: [{ slice: only, content: { ports: other, endpoints: [endpoint(1)] } }],
    })
  })

  it('changes one endpoint in its slice and leaves the other slices alone', () => {
    const slices = [
      slice({ ports: http, endpoints: [endpoint(1), endpoint(2)] }),
      slice({ ports: http, endpoints: [endpoint(3)] }),
    ]
    const plan = planSlices([{ ports: http, endpoints: [endpoint(3), endpoint(2, false), endpoint(1)] }], slices)
    expect(plan.update).toEqual([
      { slice: slices[0], content: { ports: http, endpoints: [endpoint(1), endpoint(2, false)] } },
    ])
    expect([plan.create, plan.remove]).toEqual([[], []])
  })

  it('puts newcomers where something is written anyway', () => {
    const slices = [
      slice({ ports: http, endpoints: range(0, 3).map((id) => endpoint(id)) }),
      slice({ ports: http, endpoints: [endpoint(5), endpoint(6)] }),
    ]
    const plan = planSlices([group(http, [0, 1, 2, 6, 7])], slices, 4)
    expect(plan.update.map((change) => change.slice)).toEqual([slices[1]])
  })

  it('else fills the fullest slice that takes them all', () => {
    const slices = [
      slice({ ports: http, endpoints: [endpoint(0)] }),
      slice({ ports: http, endpoints: [endpoint(1), endpoint(2)] }),
    ]
    expect(planSlices([group(http, [0, 1, 2, 3, 4])], slices, 4).update.map((change) => change.slice)).toEqual([
      slices[1],
    ])
  })

  it('cuts a long list', () => {
    const plan = planSlices([group(http, range(0, 250))], [])
    expect(plan.create.map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50])
  })

  it('keeps pods whose ports differ apart', () => {
    const plan = planSlices([group(http, [1]), group(other, [2]), group([], [3])], [])
    expect(plan.create.map(({ ports }) => ports)).toEqual([http, other, null])
  })
})

describe('any sequence of changes', () => {
  const max = 5
  /** Per pod: 0 absent, 1 ready, 2 not ready, 3 ready with other ports. */
  const states = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 30, maxLength: 30 }), {
    minLength: 1,
    maxLength: 6,
  })
  const groupsOf = (state: readonly number[]): DesiredGroup[] =>
    [http, other].map((ports) => ({
      ports,
      endpoints: state.flatMap((kind, id) =>
        kind > 0 && (kind === 3) === (ports === other) ? [endpoint(id, kind !== 2)] : [],
      ),
    }))
  const flat = (slices: readonly SliceContent[]): string[] =>
    slices.flatMap(({ ports, endpoints }) => (endpoints ?? []).map((one) => canonical([ports, one]))).sort()

  it('gives slices whose union is what is desired, none too long, none empty beside others', () => {
    fc.assert(
      fc.property(states, (history) => {
        let slices: EndpointSlice[] = []
        for (const state of history) {
          const desired = groupsOf(state).filter(({ endpoints }) => endpoints.length > 0)
          slices = apply(slices, desired, max)
          expect(flat(slices)).toEqual(flat(desired))
          expect(slices.every(({ endpoints }) => (endpoints ?? []).length <= max)).toBe(true)
          expect(slices.length === 1 || slices.every(({ endpoints }) => (endpoints ?? []).length > 0)).toBe(true)
        }
      }),
    )
  })

  it('writes nothing when nothing changed, and an endpoint never moves', () => {
    fc.assert(
      fc.property(states, (history) => {
        let slices: EndpointSlice[] = []
        const homes = (): Map<string, string> =>
          new Map(
            slices.flatMap(({ metadata, ports, endpoints }) =>
              (endpoints ?? []).map((one) => [canonical([ports, one.addresses]), metadata.name]),
            ),
          )
        for (const state of history) {
          const desired = groupsOf(state).filter(({ endpoints }) => endpoints.length > 0)
          const before = homes()
          slices = apply(slices, desired, max)
          for (const [id, home] of homes()) expect(before.get(id) ?? home).toBe(home)
          expect(planSlices([...desired].reverse(), slices, max)).toEqual({ create: [], update: [], remove: [] })
        }
      }),
    )
  })
})
