import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { falseAlarmProbability, leastMet, triesFor, triesOf } from './tries.ts'

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

describe('leastMet', () => {
  it('agrees with what is known', () => {
    expect(leastMet(1, 5)).toBe(1)
    expect(leastMet(3, 1)).toBe(1)
    expect(leastMet(2, 30)).toBe(1)
    expect(leastMet(2, 31)).toBe(2)
  })

  it('never asks for more than was tried, nor than there are, and for more the more is tried', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 60 }), (endpoints, tries) => {
        const least = leastMet(endpoints, tries)
        expect(least).toBeGreaterThanOrEqual(1)
        expect(least).toBeLessThanOrEqual(Math.min(endpoints, tries))
        expect(leastMet(endpoints, tries + 1)).toBeGreaterThanOrEqual(least)
      }),
      { numRuns: 50 },
    )
  })
})

describe('triesOf', () => {
  it('makes a few tries even where one would do', () => {
    expect(triesOf(1, 0)).toEqual({ tries: { most: 4, least: 4 }, spread: 'all' })
  })

  it('may end early once all are seen', () => {
    expect(triesOf(3, 0)).toEqual({ tries: { most: 54, least: 6 }, spread: 'all' })
  })

  it('makes all tries where the objects name an endpoint that must not answer', () => {
    expect(triesOf(2, 1)).toMatchObject({ tries: { most: 54, least: 54 } })
  })

  it('asks for a share of a long list, and for little where a sample will do', () => {
    expect(triesOf(50, 0)).toEqual({ tries: { most: 40, least: 40 }, spread: { least: leastMet(50, 40) } })
    expect(triesOf(3, 0, 'few')).toEqual({ tries: { most: 3, least: 3 }, spread: { least: 1 } })
    expect(triesOf(1, 5, 'few').spread).toBe('all')
  })
})
