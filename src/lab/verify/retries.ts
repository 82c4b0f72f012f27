import type { Trial } from './runner.ts'
import { type Claim, type Claims, keyOf, type Omission } from './types.ts'

/**
 * What to try again of the claims that failed, by what fresh objects say. Where they no longer make a claim from the same place
 * (the pod that asked has gone), all claims of its kind and Service stand in; where they make none at all, that is said. A second attempt makes all its
 * tries, so that what fails now and then does not pass by being lucky once.
 */
export function planRetries(failed: readonly Pick<Trial, 'claim'>[], fresh: Claims): Claims {
  const claims = new Map<string, Claim>()
  const omissions: Omission[] = []
  for (const { claim } of failed) {
    const successors = successorsOf(claim, fresh.claims)
    for (const successor of successors) claims.set(keyOf(successor), thorough(successor))
    if (successors.length === 0) omissions.push(gone(claim))
  }
  return { claims: [...claims.values()], omissions }
}

function successorsOf(claim: Claim, fresh: readonly Claim[]): Claim[] {
  const key = keyOf(claim)
  const same = fresh.find((candidate) => keyOf(candidate) === key)
  if (same !== undefined) return [same]
  return fresh.filter(
    ({ check, what, group }) => check === claim.check && (what === claim.what || group === claim.group),
  )
}

const thorough = (claim: Claim): Claim => ({ ...claim, tries: { most: claim.tries.most, least: claim.tries.most } })

const gone = ({ check, what, origin }: Claim): Omission => ({
  check,
  what,
  reason: `from ${origin.name}: it failed, but what the objects claimed there was gone before a second attempt`,
})
