import type { Batch } from './batch.ts'
import * as c from './constants.ts'
import { type SetShape, writeElement } from './elements.ts'
import type { ElementChange, Family } from './types.ts'

/** Elements in one message at most; the kernel holds a lock meanwhile, and attribute lengths end at 64 KiB. */
export const RUN_LENGTH = 1000

/** An attribute's length has 16 bits, so all elements of a message must end before this. */
const MESSAGE_BYTES = 64_000

/** Changes of one operation on one set, one after the other: what can share a message without changing the order. */
export interface Run {
  first: number
  after: number
}

export function* runs(changes: readonly ElementChange[]): Generator<Run> {
  let first = 0
  while (first < changes.length) {
    const after = runEnd(changes, first)
    yield { first, after }
    first = after
  }
}

export function countRuns(changes: readonly ElementChange[]): number {
  let count = 0
  for (let first = 0; first < changes.length; first = runEnd(changes, first)) count++
  return count
}

function runEnd(changes: readonly ElementChange[], first: number): number {
  const { op, element } = changes[first] as ElementChange
  const limit = Math.min(changes.length, first + RUN_LENGTH)
  let after = first + 1
  while (after < limit && changes[after]?.op === op && changes[after]?.element.set === element.set) after++
  return after
}

/** Puts the changes of a run into the batch: one message, or more when they do not fit. @throws WeftError NFT_ELEMENT_INVALID */
export function writeRun(
  batch: Batch,
  table: { family: Family; name: string },
  shape: SetShape,
  changes: readonly ElementChange[],
  { first, after }: Run,
): void {
  const { op } = changes[first] as ElementChange
  const { writer } = batch
  const set = shape.spec.name
  let index = first
  while (index < after) {
    const message = batch.beginMessage(
      op === 'add' ? c.NFT_MSG_NEWSETELEM : c.NFT_MSG_DELSETELEM,
      op === 'add' ? c.NLM_F_CREATE : 0,
      table.family,
      `set ${table.family} ${table.name} ${set}`,
    )
    writer.string(c.NFTA_SET_ELEM_LIST_TABLE, table.name)
    writer.string(c.NFTA_SET_ELEM_LIST_SET, set)
    writer.reserve(c.NLA_HEADER_LENGTH)
    const list = writer.beginNest(c.NFTA_SET_ELEM_LIST_ELEMENTS)
    do {
      batch.change()
      writeElement(writer, shape, (changes[index] as ElementChange).element, op)
      index++
    } while (index < after && writer.position - list + shape.maxBytes <= MESSAGE_BYTES)
    writer.endAttribute(list)
    batch.endMessage(message)
  }
}
