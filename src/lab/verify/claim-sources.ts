import { join } from './claims.ts'
import type { ClaimSource, Facts, Need } from './claim-source.ts'
import { hostPorts } from './host-ports.ts'
import { podNetwork } from './pod-network.ts'
import { services } from './services.ts'
import type { Check, Claims } from './types.ts'

/** Everything that verify knows to try, in the order in which it is shown. A new part adds its line here. */
export const claimSources: readonly ClaimSource[] = [podNetwork, hostPorts, services]

export const claimsOf = (facts: Facts, sources: readonly ClaimSource[] = claimSources): Claims =>
  join(sources.map((source) => source.claims(facts)))

export const needed = (need: Need, sources: readonly ClaimSource[] = claimSources): boolean =>
  sources.some(({ needs }) => needs.includes(need))

/** Why there is nothing to try of a kind, for all kinds in the order in which they are shown. */
export const checksOf = (sources: readonly ClaimSource[] = claimSources): ReadonlyMap<Check, string> =>
  new Map(sources.flatMap(({ checks }) => Object.entries(checks)))
