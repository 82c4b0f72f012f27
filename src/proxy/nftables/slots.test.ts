import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largestList, sizeClasses, sizeClassOf } from './sizes.ts'
import { assignSlots } from './slots.ts'

const endpoints = fc.uniqueArray(
  fc.integer({ min: 1, max: 40 }).map((n) => `10.0.0.${n} . 80`),
  { maxLength: 20 },
)

describe('assignSlots', () => {
  it('fills the slots 0…n-1, and moves as few as it can', () => {
    fc.assert(
      fc.property(endpoints, endpoints, (before, now) => {
        const old = assignSlots(before, new Map())
        const slots = assignSlots(now, old)
        expect([...slots.values()].sort((a, b) => a - b)).toEqual(now.map((_, index) => index))
        const moved = now.filter((one) => old.has(one) && old.get(one) !== slots.get(one))
        // Only those beyond the new end may move.
        for (const one of moved) expect(old.get(one)).toBeGreaterThanOrEqual(now.length)
      }),
    )
  })

  it('lets a newcomer take the freed slot', () => {
    const before = new Map([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ])
    expect([...assignSlots(['a', 'c', 'd'], before)]).toEqual([
      ['a', 0],
      ['c', 2],
      ['d', 1],
    ])
  })

  it('fills a hole from the end when nobody comes', () => {
    expect(
      assignSlots(
        ['b', 'c'],
        new Map([
          ['a', 0],
          ['b', 1],
          ['c', 2],
        ]),
      ),
    ).toEqual(
      new Map([
        ['b', 1],
        ['c', 0],
      ]),
    )
  })

  it('heals slots that were doubled by a foreign hand', () => {
    expect(
      [
        ...assignSlots(
          ['a', 'b'],
          new Map([
            ['a', 0],
            ['b', 0],
          ]),
        ).values(),
      ].sort((a, b) => a - b),
    ).toEqual([0, 1])
  })
})

describe('size classes', () => {
  it('are the smallest that hold a list', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: largestList }), (count) => {
        const index = sizeClassOf(count)
        expect(sizeClasses[index]).toBeGreaterThanOrEqual(count)
        if (index > 0) expect(sizeClasses[index - 1]).toBeLessThan(count)
      }),
    )
  })

  it('number 34, up to the largest list', () => {
    expect(sizeClasses).toHaveLength(34)
    expect(sizeClasses.at(-1)).toBe(largestList)
  })
})
