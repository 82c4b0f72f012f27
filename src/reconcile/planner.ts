import type { Core } from './core.ts'
import { Turn } from './turn.ts'
import { heldNumber, type SubjectState } from './subjects.ts'
import type { Plan, Previous, Refusal, Subject } from './types.ts'
import { WakeHeap } from './wake-heap.ts'
import { PlanConflict } from './wanted.ts'

const planSliceMs = 4
/** A subject whose plan threw is planned again after this, should nothing touch it before. */
const brokenPlanMs = 60_000

/** Plans what was touched, and wakes what asked to be planned again. */
export class Planner {
  readonly #core: Core
  readonly #touched = new Set<Subject>()
  readonly #wake = new WakeHeap<Subject>()
  readonly #refusals = new Map<Subject, readonly Refusal[]>()
  /** Subjects whose last plan threw. */
  readonly #broken = new Set<Subject>()
  #planned = 0
  #plan = 0
  #lastTickMs = Number.NEGATIVE_INFINITY

  constructor(core: Core) {
    this.#core = core
  }

  /** Subjects that want something, or are refused something. */
  get subjects(): number {
    let count = this.#planned
    for (const subject of this.#refusals.keys()) if (!wantsSomething(this.#core.subjects.get(subject))) count++
    return count
  }

  /** Some subject could not be planned: what it wants is not known. */
  get isBroken(): boolean {
    return this.#broken.size > 0
  }

  /** Its last plan threw: what it wants is not known. */
  couldNotPlan(subject: Subject): boolean {
    return this.#broken.has(subject)
  }

  get touched(): number {
    return this.#touched.size
  }

  isTouched(subject: Subject): boolean {
    return this.#touched.has(subject)
  }

  touch(subjects: Iterable<Subject>): void {
    for (const subject of subjects) this.#touched.add(subject)
  }

  /** For all there are: others run in between. */
  async touchAll(subjects: Iterable<Subject>): Promise<void> {
    const turn = new Turn()
    for (const subject of subjects) {
      this.#touched.add(subject)
      if (turn.over) await turn.next()
    }
  }

  /**
   * Touches whose time has come; returns when the next one's will. A clock that was set back would let them oversleep, so all are planned: a
   * plan costs little and says anew when to wake it. True in `clockSetBack` asks the caller to do likewise.
   */
  tick(): { nextMs: number | undefined; clockSetBack: boolean } {
    const now = this.#core.now()
    const clockSetBack = now < this.#lastTickMs
    this.#lastTickMs = now
    if (clockSetBack) this.touch(this.#wake.clear())
    else for (const subject of this.#wake.due(now)) this.#touched.add(subject)
    return { nextMs: this.#wake.nextMs, clockSetBack }
  }

  /** Plans everything that was touched, and lets others run every few milliseconds. */
  async plan(): Promise<void> {
    const { planSeconds, counters } = this.#core.metrics
    const conflicts = new Set<Subject>()
    let sliceStart = performance.now()
    let at = sliceStart
    for (const subject of this.#touched) {
      this.#touched.delete(subject)
      // The key may be another's that is about to leave it: try again when all are planned.
      if (!this.#planOne(subject, conflicts.has(subject))) {
        conflicts.add(subject)
        this.#touched.add(subject)
      }
      const now = performance.now()
      counters.plans++
      planSeconds.observe((now - at) / 1000)
      at = now
      if (now - sliceStart < planSliceMs) continue
      await new Promise((resolve) => setImmediate(resolve))
      sliceStart = at = performance.now()
    }
  }

  /** Refusals by plans, by subject. */
  *refusals(): Generator<Refusal> {
    for (const refusals of this.#refusals.values()) yield* refusals
  }

  /** False: a key is another's, at this moment. */
  #planOne(subject: Subject, final: boolean): boolean {
    const { part, subjects, settling, now, wanted, log, commits } = this.#core
    const state = subjects.at(subject)
    settling.add(state)
    commits.changed(subject)
    try {
      const number = ++this.#plan
      const previous = this.#previous(state, number)
      // Handed out once: a plan that fails half-way may have changed it.
      state.memo = undefined
      const plan = part.plan(subject, previous, now())
      const wanting = wantsSomething(state)
      if (plan.delta === undefined) wanted.replace(state, plan.items, plan.rank)
      else wanted.patch(state, plan.delta, plan.rank)
      this.#planned += Number(wantsSomething(state)) - Number(wanting)
      state.memo = plan.memo
      state.plan = number
      state.more = plan.more ?? false
      this.#broken.delete(subject)
      this.#note(state, plan)
      return true
    } catch (error) {
      if (error instanceof PlanConflict && !final) return false
      // What the subject has stays: one odd object must not stop the others.
      const message = error instanceof Error ? error.message : String(error)
      this.#broken.add(subject)
      // Else it would be asked for the rest at once, for ever.
      state.more = false
      this.#refusals.set(subject, [{ subject, reason: 'PlanFailed', message }])
      this.#wake.set(subject, now() + brokenPlanMs)
      log('error', 'a subject could not be planned', { subject, error: message })
      return true
    }
  }

  #previous(state: SubjectState, plan: number): Previous {
    const { numbers } = this.#core
    return {
      items: state.items,
      memo: state.memo,
      number: (name) => numbers.get(state, name, plan),
      held: (name) => heldNumber(state, name)?.number,
    }
  }

  #note({ subject }: SubjectState, { refusals, wakeAtMs }: Plan): void {
    const refused = refusals !== undefined && refusals.length > 0
    if (refused)
      this.#refusals.set(
        subject,
        refusals.map((refusal) => ({ subject, ...refusal })),
      )
    else this.#refusals.delete(subject)
    this.#wake.set(subject, wakeAtMs)
  }
}

const wantsSomething = (state: SubjectState | undefined): boolean => state?.planned === true && state.items.length > 0
