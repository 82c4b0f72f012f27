import type { SubjectState } from './subjects.ts'
import type { Rank, Refusal } from './types.ts'

interface Claim {
  readonly name: string
  winner: SubjectState
  /** All who want it, the winner too; absent while it is one. */
  contenders: Set<SubjectState> | undefined
}

/** A claim passed from one subject (if any) to another (if any). */
export type Passed = (claim: string, from: SubjectState | undefined, to: SubjectState) => void

/** Who wants which claim, and who has won it: a claim is won or lost whole. */
export class Claims {
  readonly #claims = new Map<string, Claim>()
  readonly #contested = new Set<Claim>()
  readonly #passed: Passed

  constructor(passed: Passed) {
    this.#passed = passed
  }

  holds(state: SubjectState, claim: string): boolean {
    return (this.#claims.get(claim)?.winner ?? state) === state
  }

  /** A subject wants a claim, or still wants it and may have another rank by now. */
  contend(name: string, state: SubjectState): void {
    const claim = this.#claims.get(name)
    if (claim === undefined) {
      this.#claims.set(name, { name, winner: state, contenders: undefined })
      return
    }
    const { winner } = claim
    if (claim.contenders === undefined) {
      if (winner === state) return
      claim.contenders = new Set([winner])
      this.#contested.add(claim)
    }
    claim.contenders.add(state)
    const best = winner === state ? bestOf(claim.contenders) : beats(state, winner) ? state : winner
    if (best === winner) return
    claim.winner = best
    this.#passed(name, winner, best)
  }

  /** A subject no longer wants a claim; the best of the others is promoted. */
  leave(name: string, state: SubjectState): void {
    const claim = this.#claims.get(name)
    if (claim === undefined) return
    const { contenders } = claim
    if (contenders === undefined) {
      if (claim.winner === state) this.#claims.delete(name)
      return
    }
    contenders.delete(state)
    const wasWinner = claim.winner === state
    if (wasWinner) claim.winner = bestOf(contenders)
    if (contenders.size === 1) {
      claim.contenders = undefined
      this.#contested.delete(claim)
    }
    if (wasWinner) this.#passed(name, undefined, claim.winner)
  }

  /** One refusal for each claim that a subject lost. Costs what is contested, not what is claimed. */
  *lost(): Generator<Refusal> {
    for (const { name, winner, contenders } of this.#contested) {
      const message = `${name} belongs to ${winner.subject}, which is older`
      for (const { subject } of contenders ?? []) {
        if (subject !== winner.subject) yield { subject, reason: 'ClaimedByOlderObject', message }
      }
    }
  }
}

function bestOf(contenders: ReadonlySet<SubjectState>): SubjectState {
  let best: SubjectState | undefined
  for (const state of contenders) if (best === undefined || beats(state, best)) best = state
  return best as SubjectState
}

function beats(a: SubjectState, b: SubjectState): boolean {
  const [x, y] = [a.rank, b.rank]
  if (x.gone !== y.gone) return y.gone
  if (x.createdMs !== y.createdMs) return x.createdMs < y.createdMs
  return x.name === y.name ? a.subject < b.subject : x.name < y.name
}

export const sameRank = (a: Rank, b: Rank): boolean =>
  a.gone === b.gone && a.createdMs === b.createdMs && a.name === b.name
