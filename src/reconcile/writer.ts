import { type Batch, batchesOf, type Piece, stepOf, stepsOf, transactionOf } from './changes.ts'
import type { Core } from './core.ts'
import { type Entry, written } from './entries.ts'
import { dissolve, type Group, groupsOf } from './groups.ts'
import type { SubjectState } from './subjects.ts'
import { Turn } from './turn.ts'
import { type Change, ContainerLost, type ItemFailure, type Subject } from './types.ts'

/** How long making a chunk ready should take where the target queues; its acknowledgement takes about half as long again. */
const chunkMs = 2.5
/** The first chunk is this part of the largest, since code that has never run is slow. */
const firstPart = 8

/** How a run of the writer ended. */
export type Written = { lost: readonly string[] | undefined; message: string } | undefined

/** Writes what differs: in batches of whole groups, halved when they fail; each stage a batch of its own where the target wants that. */
export class Writer {
  readonly #core: Core
  readonly #chunkChanges: number
  readonly #transactional: boolean
  /** Changes in the next chunk. */
  #size: number
  /** The audit that is under way, or the last one. */
  audit = 0
  readonly #inFlight = new Set<readonly Piece[]>()

  constructor(core: Core, chunkChanges: number) {
    this.#core = core
    this.#chunkChanges = chunkChanges
    this.#size = chunkChanges
    this.#transactional = core.target.transactional ?? true
  }

  /** From here on an audit reads; what is being written at this moment cannot be judged by it. */
  beginAudit(): number {
    this.audit++
    for (const pieces of this.#inFlight) {
      for (const { entries } of pieces) for (const entry of entries) entry.audited = written(this.audit)
    }
    return this.audit
  }

  /** Writes everything that is not held back by a retry. Returns what was lost, if a container was: then start over. */
  async write(): Promise<Written> {
    const { entries, subjects, retry, contests } = this.#core
    this.#addEffects(entries.givenUp)
    entries.givenUp = []
    const ready: SubjectState[] = []
    for (const state of entries.ready) {
      if (state.dirtyCount === 0) this.#done(state)
      else if (retry.holds(state) || contests.holds(state)) entries.ready.delete(state)
      else ready.push(state)
    }
    const turn = new Turn()
    const groups = await groupsOf(ready, entries, subjects, turn)
    try {
      const { first, between, last } = apart(groups)
      const ordered = await inStages(between, this.#leastChunk, turn)
      return await this.#writeChunks(inTurn(first, this.#chunks(ordered), last))
    } finally {
      dissolve(groups)
    }
  }

  /** Where the target queues batches, the next one is made ready while it works on one. */
  async #writeChunks(chunks: Iterable<Group[]>): Promise<Written> {
    let before: Promise<Written> = Promise.resolve(undefined)
    let first = true
    for (const chunk of chunks) {
      if (!first) await new Promise((resolve) => setImmediate(resolve))
      first = false
      const startMs = performance.now()
      const mine = this.#writeChunk(chunk)
      if (this.#core.target.queues) this.#adapt(performance.now() - startMs)
      // Should the one before it throw, this one is waited for all the same.
      mine.catch(() => {})
      const lost = this.#core.target.queues ? await before : await mine
      if (lost !== undefined) {
        await mine
        return lost
      }
      before = mine
    }
    return await before
  }

  /** The next chunk is of a size that takes about as long as others may have to wait. */
  #adapt(tookMs: number): void {
    const factor = Math.min(2, chunkMs / tookMs)
    this.#size = Math.min(this.#chunkChanges, Math.max(this.#leastChunk, Math.round(this.#size * factor)))
  }

  get #leastChunk(): number {
    return this.#core.target.queues ? Math.ceil(this.#chunkChanges / firstPart) : this.#chunkChanges
  }

  *#chunks(groups: readonly Group[]): Generator<Group[]> {
    const { retry } = this.#core
    this.#size = this.#leastChunk
    let chunk: Group[] = []
    let size = 0
    for (const group of groups) {
      // Whoever exchanges a key with a subject that waits for its retry waits with it.
      if (retry.size > 0 && group.subjects.some((state) => retry.holds(state))) continue
      if (chunk.length > 0 && size + group.entries.length > this.#size) {
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
    const made = this.#transactional ? transactionOf(entries) : stepOf(entries)
    if (made.changes.length === 0) return undefined
    const serial = epochs.serial
    for (const entry of entries) entry.audited = written(this.audit)
    let failures: readonly ItemFailure[]
    try {
      failures = await this.#apply(pieces, made.changes)
    } catch (error) {
      return await this.#threw(pieces, error)
    }
    this.#acknowledge(pieces, made, failures, serial)
    return undefined
  }

  async #apply(pieces: readonly Piece[], changes: readonly Change[]): Promise<readonly ItemFailure[]> {
    const startMs = performance.now()
    this.#inFlight.add(pieces)
    try {
      return (await this.#core.target.apply(changes)) ?? []
    } finally {
      this.#inFlight.delete(pieces)
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

  #acknowledge(pieces: readonly Piece[], made: Batch, failures: readonly ItemFailure[], serial: number): void {
    const { entries, epochs, metrics, commits, part, now } = this.#core
    const failed = this.#failedEntries(failures)
    // Before entries that are gone are forgotten.
    if (part.effectsOf !== undefined) this.#remember(made, failed)
    for (const { group, entries: sent } of pieces) {
      for (const entry of sent) {
        entry.audited = written(this.audit)
        commits.changedFor(entry)
        if (entry.dirtyBy === undefined || failed.has(entry)) continue
        if (epochs.lostSince(serial, entry)) continue
        entries.setHave(entry, entry.want, entry.kind.spec.shared ? undefined : entry.owner)
        entries.refresh(entry, entry.dirtyBy)
        entries.forgetIfIdle(entry)
      }
      for (const { subject } of group.subjects) commits.changed(subject)
    }
    metrics.counters.transactions++
    metrics.counters.changes += made.changes.length
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
  #remember({ changes, entries }: Batch, failed: ReadonlySet<Entry>): void {
    for (let index = 0; index < changes.length; index++) {
      const entry = entries[index] as Entry
      if (failed.size > 0 && failed.has(entry)) continue
      entry.dirtyBy?.group?.acknowledged.push(changes[index] as Change)
    }
  }

  #finish(group: Group): void {
    const { retry, metrics, log, settling, entries } = this.#core
    this.#addEffects(group.acknowledged)
    group.acknowledged = []
    if (group.failure === undefined) {
      for (const state of group.subjects) {
        if (state.dirtyCount === 0) this.#done(state)
        else settling.add(state)
      }
      return
    }
    metrics.counters.failures++
    this.#core.suspect = true
    for (const entry of group.entries) if (entry.others !== undefined) this.#setApart(entry)
    for (const state of group.subjects) {
      settling.add(state)
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

/** Lazily: a chunk's size depends on how long the one before it took. */
function* inTurn<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part
}

/** What others lead to (KindSpec.referenced): each in a batch of its own, before all that comes, or after all that goes. */
function apart(groups: readonly Group[]): { first: Group[][]; between: Group[]; last: Group[][] } {
  const first: Group[][] = []
  const between: Group[] = []
  const last: Group[][] = []
  for (const group of groups) {
    const [entry] = group.entries
    if (entry?.kind.spec.referenced !== true) between.push(group)
    else if (entry.want !== undefined) first.push([group])
    else last.push([group])
  }
  return { first, between, last }
}

/**
 * Where one batch does not hold all, groups that reach into a later stage come later: what closes a door is written when all that it lets through is there.
 */
async function inStages(groups: readonly Group[], chunkChanges: number, turn: Turn): Promise<readonly Group[]> {
  let size = 0
  for (const { entries } of groups) size += entries.length
  if (size <= chunkChanges) return groups
  const byLast = new Map<number, Group[]>()
  for (const group of groups) {
    let last = Number.NEGATIVE_INFINITY
    for (const { kind } of group.entries) if (kind.spec.stage > last) last = kind.spec.stage
    if (turn.over) await turn.next()
    const others = byLast.get(last)
    if (others === undefined) byLast.set(last, [group])
    else others.push(group)
  }
  return [...byLast].sort(([a], [b]) => a - b).flatMap(([, those]) => those)
}
