import type { SubjectState } from './subjects.ts'
import type { Rank, Refusal } from './types.ts'

/** A claim that more than one subject wants. */
class Contest {
  readonly name: string
  winner: SubjectState
  /** All who want it, the winner too. */
  readonly contenders: Set<SubjectState>

  constructor(name: string, winner: SubjectState) {
    this.name = name
    this.winner = winner
    this.contenders = new Set([winner])
  }
}

/** A claim passed from one subject (if any) to another (if any). */
export type Passed = (claim: string, from: SubjectState | undefined, to: SubjectState) => void

/** Who wants which claim, and who has won it: a claim is won or lost whole. */
export class Claims {
  /** Who wants it alone, as nearly always, or all who do. */
  readonly #claims = new Map<string, SubjectState | Contest>()
  readonly #contests = new Set<Contest>()
  readonly #passed: Passed

  constructor(passed: Passed) {
    this.#passed = passed
  }

  holds(state: SubjectState, claim: string): boolean {
    const found = this.#claims.get(claim) ?? state
    return (found instanceof Contest ? found.winner : found) === state
  }

  /** A subject wants a claim, or still wants it and may have another rank by now. */
  contend(name: string, state: SubjectState): void {
    const found = this.#claims.get(name)
    if (found === undefined) this.#claims.set(name, state)
    else if (found !== state) this.#enter(found instanceof Contest ? found : this.#open(name, found), state)
  }

  /** A subject no longer wants a claim; the best of the others is promoted. */
  leave(name: string, state: SubjectState): void {
    const contest = this.#claims.get(name)
    if (!(contest instanceof Contest)) {
      if (contest === state) this.#claims.delete(name)
      return
    }
    contest.contenders.delete(state)
    const wasWinner = contest.winner === state
    if (wasWinner) contest.winner = bestOf(contest.contenders)
    if (contest.contenders.size === 1) {
      this.#contests.delete(contest)
      this.#claims.set(name, contest.winner)
    }
    if (wasWinner) this.#passed(name, undefined, contest.winner)
  }

  #open(name: string, winner: SubjectState): Contest {
    const contest = new Contest(name, winner)
    this.#claims.set(name, contest)
    this.#contests.add(contest)
    return contest
  }

  #enter(contest: Contest, state: SubjectState): void {
    const { winner, contenders } = contest
    contenders.add(state)
    const best = winner === state ? bestOf(contenders) : beats(state, winner) ? state : winner
    if (best === winner) return
    contest.winner = best
    this.#passed(contest.name, winner, best)
  }

  /** One refusal for each claim that a subject lost. Costs what is contested, not what is claimed. */
  *lost(): Generator<Refusal> {
    for (const { name, winner, contenders } of this.#contests) {
      const message = `${name} belongs to ${winner.subject}, which is older`
      for (const { subject } of contenders) {
        if (subject !== winner.subject) yield { subject, reason: 'ClaimedByOlderObject', message, clusterWide: true }
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
