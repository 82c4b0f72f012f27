import type { Claims, Omission } from './types.ts'

/** Nothing to try, and why. */
export const omit = (check: Omission['check'], what: string, reason: string): Claims => ({
  claims: [],
  omissions: [{ check, what, reason }],
})

/** All claims and omissions of the parts. */
export const join = (parts: readonly Claims[]): Claims => ({
  claims: parts.flatMap((part) => part.claims),
  omissions: parts.flatMap((part) => part.omissions),
})
