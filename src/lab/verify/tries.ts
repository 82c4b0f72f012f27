import type { Spread } from './types.ts'

/** A false alarm on one claim, by bad luck of a uniform random choice, is rarer than this. */
export const falseAlarmProbability = 1e-9

/** Up to so many endpoints each one has to be met from every place. */
const mostMetInFull = 8

/**
 * How much is tried. `full`: all that answer are met; `some`: enough connections to see that they share what comes; `few`: that the
 * translation is there.
 */
export type Effort = 'full' | 'some' | 'few'

const triesOfEffort = { some: 40, few: 3 } as const

/**
 * The smallest number of tries t with n·(1 − 1/n)^t < 1e-9: the union bound on the probability that t uniform random
 * choices of n endpoints leave one out.
 */
export function triesFor(endpoints: number): number {
  if (endpoints <= 1) return 1
  const exact = Math.log(falseAlarmProbability / endpoints) / Math.log1p(-1 / endpoints)
  return Math.floor(exact) + 1
}

/**
 * How many different endpoints t uniform random choices of n meet at least, but for a probability below 1e-9. Exact, by the
 * distribution of the number met: after one more choice, i are met if it was one of i already met, or one of the others of i − 1.
 */
export function leastMet(endpoints: number, tries: number): number {
  let met = [1]
  for (let t = 0; t < tries; t++) {
    const next = new Array<number>(Math.min(endpoints, met.length) + 1).fill(0)
    for (const [i, probability] of met.entries()) {
      next[i] = (next[i] ?? 0) + (probability * i) / endpoints
      if (i < endpoints) next[i + 1] = (next[i + 1] ?? 0) + (probability * (endpoints - i)) / endpoints
    }
    met = next
  }
  let below = 0
  for (const [i, probability] of met.entries()) {
    below += probability
    if (below >= falseAlarmProbability) return i
  }
  return met.length - 1
}

export interface Tries {
  tries: { most: number; least: number }
  spread: Spread
}

/**
 * Tries for a claim, and what they must show of the spread.
 *
 * @param endpoints that should answer
 * @param unwanted endpoints that the objects name and that must not answer. Nothing tells when enough was tried to have met them, so that
 *   all tries are made where there are any.
 */
export function triesOf(endpoints: number, unwanted: number, effort: Effort = 'full'): Tries {
  if (effort === 'full' && endpoints + unwanted <= mostMetInFull) {
    const most = Math.max(triesFor(endpoints + unwanted), leastFor(endpoints))
    return { tries: { most, least: unwanted > 0 ? most : leastFor(endpoints) }, spread: 'all' }
  }
  const most = triesOfEffort[effort === 'few' ? 'few' : 'some']
  const least = leastMet(endpoints, most)
  return { tries: { most, least: most }, spread: endpoints === 1 || least === endpoints ? 'all' : { least } }
}

/** A few more than would do: each is a chance to meet an endpoint that no object names. */
const leastFor = (endpoints: number): number => Math.max(4, 2 * endpoints)
