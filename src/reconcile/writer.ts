import { batchesOf, type Piece, stepOf, stepsOf, transactionOf } from './changes.ts'
import type { Core } from './core.ts'
import { type Entry, written } from './entries.ts'
import { dissolve, type Group, groupsOf } from './groups.ts'
import { none, type SubjectState } from './subjects.ts'
import { type Change, ContainerLost, type ItemFailure, type Subject } from './types.ts'

/** How a run of the writer ended. */
export type Written = { lost: readonly string[] | undefined; message: string } | undefined

/** Writes what differs: in batches of whole groups, halved when they fail; each stage a batch of its own where the target wants that. */
export class Writer {
  readonly #core: Core
  readonly #chunkChanges: number
  readonly #transactional: boolean
  /** The audit that is under way, or the last one. */
  audit = 0
  #inFlight: readonly Piece[] = []

  constructor(core: Core, chunkChanges: number) {
    this.#core = core
    this.#chunkChanges = chunkChanges
    this.#transactional = core.target.transactional ?? true
  }

  /** From here on an audit reads; what is being written at this moment cannot be judged by it. */
  beginAudit(): number {
    this.audit++
    for (const { entries } of this.#inFlight) for (const entry of entries) entry.audited = written(this.audit)
    return this.audit
  }

  /** Writes everything that is not held back by a retry. Returns what was lost, if a container was: then start over. */
  async write(): Promise<Written> {
    const { entries, subjects, retry } = this.#core
    this.#addEffects(entries.givenUp)
    entries.givenUp = []
    const ready: SubjectState[] = []
    for (const state of entries.ready) {
      if (state.dirtyCount === 0) this.#done(state)
      else if (retry.holds(state)) entries.ready.delete(state)
      else ready.push(state)
    }
    const groups = groupsOf(ready, entries, subjects)
    try {
      let first = true
      for (const chunk of this.#chunks(inStages(groups, this.#chunkChanges))) {
        if (!first) await new Promise((resolve) => setImmediate(resolve))
        first = false
        const lost = await this.#writeChunk(chunk)
        if (lost !== undefined) return lost
      }
      return undefined
    } finally {
      dissolve(groups)
    }
  }

  *#chunks(groups: readonly Group[]): Generator<Group[]> {
    const { retry } = this.#core
    let chunk: Group[] = []
    let size = 0
    for (const group of groups) {
      // Whoever exchanges a key with a subject that waits for its retry waits with it.
      if (retry.size > 0 && group.subjects.some((state) => retry.holds(state))) continue
      if (chunk.length > 0 && size + group.entries.length > this.#chunkChanges) {
        yield chunk
        chunk = []
        size = 0
      }
      chunk.push(group)
      size += group.entries.length
    }
    if (chunk.length > 0) yield chunk
  }

  async #writeChunk(groups: readonly Group[]): Promise<Written> {
    try {
      if (this.#transactional) return await this.#send(groups.map(wholePiece))
      for (const step of stepsOf(groups)) {
        for (const batch of batchesOf(step, this.#chunkChanges)) {
          const lost = await this.#send(batch.filter(({ group }) => group.failure === undefined))
          if (lost !== undefined) return lost
        }
      }
      return undefined
    } finally {
      for (const group of groups) this.#finish(group)
    }
  }

  /** Writes pieces in one batch; if it throws, halves them until the bad one stands alone. */
  async #send(pieces: readonly Piece[]): Promise<Written> {
    const { epochs } = this.#core
    const entries = entriesOf(pieces)
    const changes = this.#changesOf(entries)
    if (changes.length === 0) return undefined
    const serial = epochs.serial
    for (const entry of entries) entry.audited = written(this.audit)
    let failures: readonly ItemFailure[]
    try {
      failures = await this.#apply(pieces, changes)
    } catch (error) {
      return await this.#threw(pieces, error)
    }
    this.#acknowledge(pieces, changes, failures, serial)
    return undefined
  }

  #changesOf(entries: readonly Entry[]): Change[] {
    return this.#transactional ? transactionOf(entries) : stepOf(entries)
  }

  async #apply(pieces: readonly Piece[], changes: readonly Change[]): Promise<readonly ItemFailure[]> {
    const startMs = performance.now()
    this.#inFlight = pieces
    try {
      return (await this.#core.target.apply(changes)) ?? []
    } finally {
      this.#inFlight = []
      this.#core.metrics.applySeconds.observe((performance.now() - startMs) / 1000)
    }
  }

  async #threw(pieces: readonly Piece[], error: unknown): Promise<Written> {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof ContainerLost) return { lost: error.containers, message }
    if (pieces.length > 1) {
      const half = pieces.length >> 1
      return (await this.#send(pieces.slice(0, half))) ?? (await this.#send(pieces.slice(half)))
    }
    const [piece] = pieces
    if (piece !== undefined) piece.group.failure = message
    return undefined
  }

  #acknowledge(
    pieces: readonly Piece[],
    changes: readonly Change[],
    failures: readonly ItemFailure[],
    serial: number,
  ): void {
    const { entries, epochs, metrics, commits, part, now } = this.#core
    const failed = this.#failedEntries(failures)
    // Before entries that are gone are forgotten.
    if (part.effectsOf !== undefined) this.#remember(pieces, changes, failed)
    for (const { group, entries: sent } of pieces) {
      for (const entry of sent) {
        entry.audited = written(this.audit)
        for (const subject of entry.others ?? none) commits.changed(subject)
        if (entry.dirtyBy === undefined || failed.has(entry)) continue
        if (epochs.lostSince(serial, entry)) continue
        entries.setHave(entry, entry.want, entry.kind.spec.shared ? undefined : entry.owner)
        entries.refresh(entry, entry.dirtyBy)
        entries.forgetIfIdle(entry)
      }
      for (const { subject } of group.subjects) commits.changed(subject)
    }
    metrics.counters.transactions++
    metrics.counters.changes += changes.length
    metrics.counters.lastSyncMs = now()
    commits.generation++
  }

  #failedEntries(failures: readonly ItemFailure[]): ReadonlySet<Entry> {
    const failed = new Set<Entry>()
    for (const { change, message } of failures) {
      const entry = this.#core.entries.find(change.item.kind, change.item.key)
      if (entry === undefined) continue
      failed.add(entry)
      // The later stages of all who want it have to wait.
      for (const subject of this.#wanters(entry)) {
        const group = this.#core.subjects.get(subject)?.group
        if (group !== undefined) group.failure ??= message
      }
    }
    return failed
  }

  *#wanters({ owner, others, dirtyBy }: Entry): Generator<Subject> {
    if (dirtyBy !== undefined) yield dirtyBy.subject
    if (owner !== undefined) yield owner
    yield* others ?? []
  }

  /** Keeps acknowledged changes with their group until all of the group is written: effects are derived from them together. */
  #remember(pieces: readonly Piece[], changes: readonly Change[], failed: ReadonlySet<Entry>): void {
    if (pieces.length === 1 && failed.size === 0) {
      for (const change of changes) (pieces[0] as Piece).group.acknowledged.push(change)
      return
    }
    for (const { group, entries } of pieces) {
      const made = failed.size === 0 ? entries : entries.filter((entry) => !failed.has(entry))
      for (const change of this.#changesOf(made)) group.acknowledged.push(change)
    }
  }

  #finish(group: Group): void {
    const { retry, metrics, log, settling, entries } = this.#core
    for (const state of group.subjects) settling.add(state)
    this.#addEffects(group.acknowledged)
    group.acknowledged = []
    if (group.failure === undefined) {
      for (const state of group.subjects) if (state.dirtyCount === 0) this.#done(state)
      return
    }
    metrics.counters.failures++
    this.#core.suspect = true
    for (const entry of group.entries) if (entry.others !== undefined) this.#setApart(entry)
    for (const state of group.subjects) {
      retry.fail(state, group.failure)
      entries.ready.delete(state)
    }
    const subjects = group.subjects.map(({ subject }) => subject)
    log('error', 'a change was refused; it is retried alone', { subjects, error: group.failure })
  }

  #addEffects(changes: readonly Change[]): void {
    const { part, effects, log } = this.#core
    if (changes.length === 0 || part.effectsOf === undefined) return
    try {
      effects.add(part.effectsOf(changes))
    } catch (error) {
      log('error', 'what follows from a change could not be told; everything is compared instead', {
        error: String(error),
      })
      effects.sweepSoon()
    }
  }

  #done(state: SubjectState): void {
    this.#core.entries.ready.delete(state)
    this.#core.retry.succeeded(state)
    this.#core.settling.add(state)
  }

  /** Others want it too: it must not wait with the subject that was to write it. */
  #setApart(entry: Entry): void {
    const { subjects, entries } = this.#core
    if (entry.dirtyBy === undefined || !this.#transactional) return
    const apart = subjects.apartOf(entry)
    if (entry.dirtyBy === apart) return
    entries.refresh(entry, apart)
    this.#core.again = true
  }
}

function entriesOf(pieces: readonly Piece[]): readonly Entry[] {
  if (pieces.length === 1) return (pieces[0] as Piece).entries
  const all: Entry[] = []
  for (const { entries } of pieces) for (const entry of entries) all.push(entry)
  return all
}

const wholePiece = (group: Group): Piece => ({ group, entries: group.entries })

/**
 * Where one batch does not hold all, groups that reach into a later stage come later: what closes a door is written when all that it lets through is there.
 */
function inStages(groups: readonly Group[], chunkChanges: number): readonly Group[] {
  let size = 0
  for (const { entries } of groups) size += entries.length
  if (size <= chunkChanges) return groups
  const byLast = new Map<number, Group[]>()
  for (const group of groups) {
    let last = Number.NEGATIVE_INFINITY
    for (const { kind } of group.entries) if (kind.spec.stage > last) last = kind.spec.stage
    const others = byLast.get(last)
    if (others === undefined) byLast.set(last, [group])
    else others.push(group)
  }
  return [...byLast].sort(([a], [b]) => a - b).flatMap(([, those]) => those)
}
