/**
 * The vocabulary of the reconciler: one implementation for every part. A part plans subjects into items; the reconciler decides
 * who may have what, compares with what it last committed, and hands the difference to a target. It knows nothing of what an item is.
 */

/** What gets planned on its own: a Service port, a peer, a pod. The text is the part's own. */
export type Subject = string

/** One thing that shall be there: a map element, a route, an address. */
export interface Item {
  /** One of the part's kinds; with `key` it identifies the item. */
  kind: string
  key: string
  /** Comparable by ===; empty where the presence is all. */
  value: string
  /** For adoption, opaque to the reconciler: what else the target should remember with the owner. Not compared. */
  note?: string
  /** What the subject must own to have this item; absent for items that no other subject can want. */
  claim?: string
}

/** Something that an object asks for and does not get. It becomes a finding, a metric and an Event. */
export interface Refusal {
  subject: Subject
  /** CamelCase, as the reason of an Event, e.g. `ClaimedByOlderService`. */
  reason: string
  message: string
}

/** A one-shot consequence of an item's change, run after the acknowledgement. Idempotent, not stored. */
export interface Effect {
  kind: string
  key: string
}

/** Who wins a claim: a living object beats a gone one, then the oldest, then the lesser name. */
export interface Rank {
  gone: boolean
  createdMs: number
  name: string
}

export interface Plan {
  items: readonly Item[]
  refusals?: readonly Omit<Refusal, 'subject'>[]
  effects?: readonly Effect[]
  /** Ask to be planned again at this time, in milliseconds since the epoch. */
  wakeAtMs?: number
  rank: Rank
}

/** What a subject holds and should keep stable, handed to its next plan. */
export interface Previous {
  /** Items of the subject's last plan, or what adoption found to be its own. */
  readonly items: ReadonlyMap<string, Item>
  /** A number that is unique among all subjects and stable for (subject, name) for as long as each plan asks for it. Starts at 1. */
  number(name: string): number
}

export interface KindSpec {
  /** Stages are added in ascending order and removed in descending order. */
  stage: number
  /** Several subjects may want the item with one value; it is counted. */
  shared?: boolean
}

/** An item as read() finds it; `subject` where the target can tell whose it is. */
export interface FoundItem extends Item {
  subject?: Subject
}

export interface Change {
  op: 'add' | 'delete'
  item: Item
  /** The owner; absent for shared items. */
  subject?: Subject
}

/** A number that adoption learnt from the kernel. */
export interface LearntNumber {
  subject: Subject
  name: string
  number: number
}

/** A part, as the reconciler needs it. */
export interface Part {
  readonly name: string
  readonly kinds: Readonly<Record<string, KindSpec>>
  /** Pure: subject, what it holds, time → what it wants. A subject whose object is gone plans nothing (or what still drains). */
  plan(subject: Subject, previous: Previous, nowMs: number): Plan
  /** Adoption: which numbers do these items show, and whose are they. */
  learn(found: readonly FoundItem[]): LearntNumber[]
  /** Adoption: whose is an item that names no subject itself, given the learnt numbers; undefined if nobody's or everybody's. */
  ownerOf(item: Item, byNumber: ReadonlyMap<number, Subject>): Subject | undefined
}

/** Where items go. Throws from apply() mean that nothing of the batch was applied. */
export interface Target {
  /** Makes the containers (tables, chains, devices) exist and be right. `lost`: whatever they held is gone, a new epoch. */
  prepare(): Promise<'kept' | 'lost'>
  /** Everything that is there, in pieces. */
  read(): AsyncIterable<FoundItem[]>
  /** One transaction. @throws ContainerLost, or any error: then the batch is bisected. */
  apply(changes: readonly Change[]): void
  /** Removes what a change of layout left over; called after the first complete sync and after each new epoch. */
  finish(): Promise<void>
  /** True if somebody else has written since the last call of this, of apply() or of prepare(). Cheap. */
  touchedByOthers(): boolean
}

/** The container itself is gone (no such table): a new epoch, never bisected. */
export class ContainerLost extends Error {
  override readonly name = 'ContainerLost'
}

export const itemId = (item: { kind: string; key: string }): string => `${item.kind} ${item.key}`
