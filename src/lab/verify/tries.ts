/** A false alarm on one claim, by bad luck of a uniform random choice, is rarer than this. */
export const falseAlarmProbability = 1e-9

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
 * Tries for a claim.
 *
 * @param endpoints that should answer
 * @param unwanted endpoints that the objects name and that must not answer. Nothing tells when enough was tried to have met them, so that
 *   all tries are made where there are any.
 */
export function triesOf(endpoints: number, unwanted: number): { most: number; least: number } {
  const most = Math.max(triesFor(endpoints + unwanted), leastFor(endpoints))
  return { most, least: unwanted > 0 ? most : leastFor(endpoints) }
}

/** A few more than would do: each is a chance to meet an endpoint that no object names. */
const leastFor = (endpoints: number): number => Math.max(4, 2 * endpoints)
