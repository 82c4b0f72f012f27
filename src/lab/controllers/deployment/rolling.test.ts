import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundsOf, nextNewReplicas, nextOldReplicas, portionOf, scaleProportionally, totalReplicas } from './rolling.ts'

const spec = (replicas: number, maxSurge: number | string, maxUnavailable: number | string) => ({
  replicas,
  selector: {},
  template: { spec: { containers: [] } },
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
})

describe('boundsOf', () => {
  it.each([
    [3, '25%', '25%', 1, 0],
    [4, '25%', '25%', 1, 1],
    [10, '25%', '25%', 3, 2],
    [10, '0%', '0%', 0, 1],
    [1, 0, 0, 0, 1],
    [10, 5, 2, 5, 2],
    [2, 0, 5, 0, 2],
    [0, '25%', '25%', 0, 0],
    [3, '100%', 0, 3, 0],
  ])('%i replicas, surge %s, unavailable %s → %i, %i', (replicas, surge, unavailable, maxSurge, maxUnavailable) => {
    expect(boundsOf(spec(replicas, surge, unavailable))).toEqual({ maxSurge, maxUnavailable })
  })

  it('has no surge with Recreate', () => {
    expect(boundsOf({ ...spec(3, 1, 1), strategy: { type: 'Recreate' } })).toEqual({ maxSurge: 0, maxUnavailable: 0 })
  })

  it('reads plain numbers in strings and nothing else', () => {
    expect([portionOf('7', 9, Math.ceil), portionOf('x', 9, Math.ceil), portionOf(undefined, 9, Math.ceil)]).toEqual([
      7, 0, 0,
    ])
  })
})

describe('nextNewReplicas', () => {
  it.each([
    [3, 1, 0, 3, 1],
    [3, 1, 1, 3, 1],
    [3, 1, 1, 2, 2],
    [3, 3, 0, 3, 3],
    [3, 0, 0, 3, 0],
    [3, 0, 0, 0, 3],
    [3, 1, 5, 0, 3],
  ])('wanted %i, surge %i, new %i, old %i → %i', (wanted, maxSurge, newReplicas, oldReplicas, next) => {
    expect(nextNewReplicas(wanted, { maxSurge, maxUnavailable: 0 }, newReplicas, oldReplicas)).toBe(next)
  })
})

describe('nextOldReplicas', () => {
  const size = (replicas: number, available: number) => ({ replicas, available })
  it('waits for the new pod when none may be missing', () => {
    expect(nextOldReplicas(3, { maxSurge: 1, maxUnavailable: 0 }, size(1, 0), [size(3, 3)])).toEqual([3])
    expect(nextOldReplicas(3, { maxSurge: 1, maxUnavailable: 0 }, size(1, 1), [size(3, 3)])).toEqual([2])
  })
  it('takes pods that are not available first, from the oldest', () => {
    expect(nextOldReplicas(4, { maxSurge: 0, maxUnavailable: 1 }, size(0, 0), [size(2, 0), size(2, 2)])).toEqual([1, 2])
  })
})

/** Plays a rollout in which a random part of the new pods has become ready at each step. */
function play(
  wanted: number,
  bounds: { maxSurge: number; maxUnavailable: number },
  luck: readonly number[],
): string | undefined {
  let current = { replicas: 0, available: 0 }
  let old = [{ replicas: wanted, available: wanted }]
  for (const part of luck) {
    const grown = nextNewReplicas(wanted, bounds, current.replicas, totalReplicas(old))
    const shrunk =
      grown === current.replicas ? nextOldReplicas(wanted, bounds, current, old) : old.map(({ replicas }) => replicas)
    current = { replicas: grown, available: Math.max(current.available, Math.floor(grown * part)) }
    old = shrunk.map((replicas, index) => ({ replicas, available: Math.min(replicas, old[index]?.available ?? 0) }))
    if (current.replicas + totalReplicas(old) > wanted + bounds.maxSurge) return 'surge'
    if (current.available + (old[0]?.available ?? 0) < wanted - bounds.maxUnavailable) return 'unavailable'
  }
  return current.replicas === wanted && totalReplicas(old) === 0 ? undefined : 'stuck'
}

it('never goes beyond the bounds, and ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom<number | string>(0, 1, 3, '25%', '100%'),
      fc.constantFrom<number | string>(0, 1, 2, '25%', '100%'),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
      (wanted, surge, unavailable, luck) => {
        const bounds = boundsOf(spec(wanted, surge, unavailable))
        expect(play(wanted, bounds, [...luck, ...Array<number>(100).fill(1)])).toBeUndefined()
      },
    ),
  )
})

describe('scaleProportionally', () => {
  it.each([
    [
      20,
      0,
      [
        [8, 10],
        [2, 10],
      ],
      [16, 4],
    ],
    [
      5,
      0,
      [
        [8, 10],
        [2, 10],
      ],
      [4, 1],
    ],
    [
      0,
      0,
      [
        [8, 10],
        [2, 10],
      ],
      [0, 0],
    ],
    [
      11,
      0,
      [
        [5, 10],
        [5, 10],
      ],
      [6, 5],
    ],
    [
      10,
      3,
      [
        [8, 10],
        [5, 13],
      ],
      [8, 5],
    ],
  ])('to %i with surge %i', (wanted, maxSurge, sizes, next) => {
    const given = sizes.map(([replicas = 0, maxReplicas = 0]) => ({ replicas, maxReplicas }))
    expect(scaleProportionally(wanted, { maxSurge, maxUnavailable: 0 }, given)).toEqual(next)
  })
})
