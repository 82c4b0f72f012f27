import type { Entry, Kind } from './entries.ts'
import type { Group } from './groups.ts'
import type { Change, Item, Subject } from './types.ts'

/** Entries of one group that are written in one batch. */
export interface Piece {
  group: Group
  entries: Entry[]
}

/** Changes, and the entry of each. */
export interface Batch {
  changes: Change[]
  entries: Entry[]
}

/** The changes that one transaction needs: removals from the last stage to the first, then additions from the first to the last. */
export function transactionOf(entries: Iterable<Entry>): Batch {
  const removals: Entry[] = []
  const additions: Entry[] = []
  for (const entry of entries) {
    if (entry.dirtyBy === undefined) continue
    if (entry.have !== undefined) removals.push(entry)
    if (entry.want !== undefined) additions.push(entry)
  }
  const batch: Batch = { changes: [], entries: [] }
  for (const list of byStage(removals, -1)) for (const entry of list) put(batch, removalOf(entry), entry)
  for (const list of byStage(additions, 1)) for (const entry of list) put(batch, additionOf(entry), entry)
  return batch
}

/** The changes of entries of one stage, for a target that acknowledges each: a changed value is a removal that its addition follows. */
export function stepOf(entries: Iterable<Entry>): Batch {
  const batch: Batch = { changes: [], entries: [] }
  for (const entry of entries) {
    if (entry.dirtyBy === undefined) continue
    if (entry.have !== undefined) put(batch, removalOf(entry), entry)
    if (entry.want !== undefined) put(batch, additionOf(entry), entry)
  }
  return batch
}

function put({ changes, entries }: Batch, change: Change, entry: Entry): void {
  changes.push(change)
  entries.push(entry)
}

/**
 * Groups by stage, in the order in which they are written where each stage is a batch of its own: what is added or changed, ascending; then what is
 * removed, descending. So what leads somewhere is switched before the old place goes.
 */
export function stepsOf(groups: readonly Group[]): Piece[][] {
  const steps = new Map<number, Map<Group, Piece>>()
  for (const group of groups) {
    for (const entry of group.entries) {
      const at = stepOfEntry(entry)
      let step = steps.get(at)
      if (step === undefined) steps.set(at, (step = new Map()))
      const piece = step.get(group)
      if (piece === undefined) step.set(group, { group, entries: [entry] })
      else piece.entries.push(entry)
    }
  }
  return [...steps].sort(([a], [b]) => a - b).map(([, step]) => [...step.values()])
}

/** Cuts pieces into batches of at most `size` entries each. */
export function* batchesOf(pieces: readonly Piece[], size: number): Generator<Piece[]> {
  let batch: Piece[] = []
  let room = size
  for (const { group, entries } of pieces) {
    for (let from = 0; from < entries.length; ) {
      const part = entries.slice(from, from + room)
      batch.push({ group, entries: part })
      from += part.length
      room -= part.length
      if (room > 0) continue
      yield batch
      batch = []
      room = size
    }
  }
  if (batch.length > 0) yield batch
}

/** Stages are small whole numbers of either sign; removals come after all additions. */
const removalsAfter = 1e6
const stepOfEntry = ({ want, kind }: Entry): number =>
  want === undefined ? removalsAfter - kind.spec.stage : kind.spec.stage

/**
 * In one list for each kind, by stage (ascending or descending), each in the order in which they came: subjects have some of each kind, and a target can write many of one together.
 */
function byStage(entries: readonly Entry[], direction: 1 | -1): Entry[][] {
  const kinds = new Map<Kind, Entry[]>()
  let last: Entry[] = []
  let lastKind: Kind | undefined
  for (const entry of entries) {
    const { kind } = entry
    if (kind !== lastKind) {
      last = kinds.get(kind) ?? []
      if (last.length === 0) kinds.set(kind, last)
      lastKind = kind
    }
    last.push(entry)
  }
  return [...kinds].sort(([a], [b]) => direction * (a.spec.stage - b.spec.stage)).map(([, list]) => list)
}

const removalOf = ({ have, haveOwner }: Entry): Change => change('delete', have as Item, haveOwner)
const additionOf = ({ want, owner, kind }: Entry): Change =>
  change('add', want as Item, kind.spec.shared ? undefined : owner)

const change = (op: 'add' | 'delete', item: Item, subject: Subject | undefined): Change =>
  subject === undefined ? { op, item } : { op, item, subject }
