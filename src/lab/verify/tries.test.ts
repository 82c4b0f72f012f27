import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { falseAlarmProbability, triesFor, triesOf } from './tries.ts'

const missProbability = (endpoints: number, tries: number): number => endpoints * (1 - 1 / endpoints) ** tries

describe('triesFor', () => {
  it.each([
    [1, 1],
    [2, 31],
    [3, 54],
    [10, 219],
  ])('%i endpoints: %i', (endpoints, tries) => {
    expect(triesFor(endpoints)).toBe(tries)
  })

  it('is the smallest number of tries that makes a false alarm rare enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5_000 }), (endpoints) => {
        const tries = triesFor(endpoints)
        expect(missProbability(endpoints, tries)).toBeLessThan(falseAlarmProbability)
        expect(missProbability(endpoints, tries - 1)).toBeGreaterThanOrEqual(falseAlarmProbability * (1 - 1e-9))
      }),
    )
  })
})

describe('triesOf', () => {
  it('makes a few tries even where one would do', () => {
    expect(triesOf(1, 0)).toEqual({ most: 4, least: 4 })
  })

  it('may end early once all are seen', () => {
    expect(triesOf(3, 0)).toEqual({ most: 54, least: 6 })
  })

  it('makes all tries where the objects name an endpoint that must not answer', () => {
    const { most, least } = triesOf(2, 1)
    expect([most, least]).toEqual([54, 54])
  })
})
