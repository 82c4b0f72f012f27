import { backendsInvolved, judge } from './judge.ts'
import type { Trial } from './runner.ts'
import type { Backend, Claim } from './types.ts'

/** What several mismatches have in common. */
export interface Cause {
  /** e.g. `Service shop/cart on node2`, `pod shop/cart-x`, `between node1 and node2`. */
  what: string
  /** Checks that it has to do with and that failed, of all that it has to do with. */
  failed: number
  of: number
}

/** The causes that explain the mismatches, and which of them each failed trial was laid to. */
export interface Causes {
  causes: readonly Cause[]
  /** Index into `causes`. */
  of: ReadonlyMap<Trial, number>
}

/**
 * Lays mismatches to as few causes as explain them. A suspect is anything that a check has to do with: a Service on a node, a pod, a path
 * between nodes. The one is taken first that explains most failures and has fewest checks in its favour, then the next for what is left.
 */
export function causesOf(trials: readonly Trial[]): Causes {
  const held: string[][] = []
  let failed: { trial: Trial; suspects: string[] }[] = []
  for (const trial of trials) {
    const suspects = suspectsOf(trial)
    if (judge(trial.claim, trial.observations).result === 'ok') held.push(suspects)
    else failed.push({ trial, suspects })
  }
  const cleared = tally(held)
  const causes: Cause[] = []
  const of = new Map<Trial, number>()
  while (failed.length > 0) {
    const cause = worst(tally(failed.map(({ suspects }) => suspects)), cleared)
    for (const { trial, suspects } of failed) if (suspects.includes(cause.what)) of.set(trial, causes.length)
    causes.push(cause)
    failed = failed.filter(({ trial }) => !of.has(trial))
  }
  return { causes, of }
}

function tally(lists: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const list of lists) for (const what of list) counts.set(what, (counts.get(what) ?? 0) + 1)
  return counts
}

/** Ties go to what a check names first: the narrower suspect. */
function worst(failed: ReadonlyMap<string, number>, cleared: ReadonlyMap<string, number>): Cause {
  let best: Cause | undefined
  for (const [what, count] of failed) {
    const cause = { what, failed: count, of: count + (cleared.get(what) ?? 0) }
    if (best === undefined || weight(cause) > weight(best)) best = cause
  }
  return best as Cause
}

const weight = ({ failed, of }: Cause): number => failed * (failed / of) ** 2

/** All that a check has to do with, the narrowest first. */
function suspectsOf({ claim, observations }: Trial): string[] {
  const { origin, via, service, check } = claim
  const backends = backendsInvolved(claim, observations)
  const own = origin.kind === 'outside' ? undefined : origin.node
  const nodes = [via, own, ...backends.map(({ node }) => node)]
  return [
    ...(service === undefined ? [] : servicesSuspected(claim, service)),
    ...backends.flatMap(({ pod }) => (pod.includes('/') ? [`pod ${pod}`] : [])),
    ...paths(own ?? 'outside', via, backends),
    ...unique(nodes).map((node) => `node ${node}`),
    ...(origin.kind === 'pod' ? [`pod ${origin.name}`] : []),
    ...(origin.kind === 'outside' ? ['the outside'] : []),
    `all of "${check}"`,
  ].filter((what, index, all) => all.indexOf(what) === index)
}

function servicesSuspected({ via }: Claim, service: string): string[] {
  if (via === undefined) return [`Service ${service}`]
  return [`Service ${service} on ${via}`, `Service ${service}`, `Services on ${via}`]
}

/** From who asks to the node that translates, where that is another one, and on to the endpoints. */
function paths(from: string, via: string | undefined, backends: readonly Backend[]): string[] {
  const here = via ?? from
  const ends = backends.map(({ node, pod }) => node ?? (pod.includes('/') ? undefined : pod))
  const legs = [[from, here], ...unique(ends).map((end) => [here, end])] as [string, string][]
  return legs.flatMap(([a, b]) => (a === b ? [] : `between ${[a, b].sort().join(' and ')}`))
}

const unique = (values: readonly (string | undefined)[]): string[] => [
  ...new Set(values.filter((value) => value !== undefined)),
]
