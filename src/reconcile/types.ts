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
  /** Whoever reads the same objects refuses it too, in the same words: one Event is enough for all of them. */
  clusterWide?: boolean
}

/**
 * A one-shot consequence of items' changes, run after the acknowledgement: forget the flows of an endpoint that left. Idempotent and not stored;
 * what a crash leaves undone, the next sweep finds. It may run late, so whoever runs it looks at the present state first.
 */
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
  /** No key twice. An item that is neither shared nor claimed may be wanted by one subject only. */
  items: readonly Item[]
  refusals?: readonly Omit<Refusal, 'subject'>[]
  /** Ask to be planned again at this time, in milliseconds since the epoch. */
  wakeAtMs?: number
  /**
   * There is more to write than one batch should carry: plan the subject again as soon as these items are acknowledged. A subject is never cut, so
   * one that is larger than a chunk writes its new list piece by piece under a new number (a second name), while its addresses still lead to
   * the old one; the last plan switches them and no longer asks for the old number, which is free once the old list's removal is acknowledged.
   */
  more?: boolean
  rank: Rank
  /**
   * What differs from the subject's last plan, in place of `items`, which are empty then: for subjects with so many items that telling all of them costs more than writing
   * the change. Only where `previous.memo` was given, with the rank of that plan, and for items without a claim.
   */
  delta?: Delta
  /** For the part's own use: the subject's next plan finds it as `previous.memo`, if this plan was taken. It may be changed in place then. */
  memo?: unknown
}

/** A changed value is a removal and an addition of one key. */
export interface Delta {
  /** Items of the last plan. */
  remove: readonly Item[]
  /** Items that the last plan had not, or whose key is among those removed. */
  add: readonly Item[]
}

/** What a subject holds and should keep stable, handed to its next plan. */
export interface Previous {
  /** Items of the subject's last plan, or what adoption found to be its own. */
  readonly items: readonly Item[]
  /** A number that is unique among all subjects and stable for (subject, name) for as long as each plan asks for it. Starts at 1. */
  number(name: string): number
  /** What the subject's last plan left here; undefined after adoption, and after a plan that was not taken. */
  readonly memo?: unknown
  /** The number of (subject, name) if it has one; asking here neither hands one out nor keeps it. */
  held(name: string): number | undefined
}

export interface KindSpec {
  /** Stages are added in ascending order and removed in descending order. */
  stage: number
  /** Several subjects may want the item with one value; it leaves with the last of them. */
  shared?: boolean
  /**
   * A shared item that others lead to, and that the target therefore takes before them only, and lets go after them only: a chain. It is written apart, whoever wants it: before
   * all else when it comes, after all else when it goes.
   */
  referenced?: boolean
  /** What holds the items and can lose them as a whole: a table, a device. By item where the item says it (a route's device). */
  container?: string | ((item: Item) => string)
  /**
   * It stands where nobody else has any business, as in a table of our own: repaired at once however often others take it back (contests.ts). Elsewhere (settings,
   * routes, chains of others) a repair that does not last is put off.
   */
  ours?: boolean
  /** A remedy: how people find who else writes it. Told where somebody keeps doing so. */
  whoWrites?: string
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
  /**
   * What follows from acknowledged changes: all those of one subject (and of subjects that exchange keys with it) from one run together, so
   * that an endpoint which only moved to another slot can be told from one that left. Pure. Items that left without a write (given up before they
   * were written, removed by others) come as `delete` too.
   */
  effectsOf?(changes: readonly Change[]): Iterable<Effect>
}

/** Items that are wanted, or still there: what effects and sweeps are compared with. */
export interface KnownItems {
  get(kind: string, key: string): Item | undefined
  ofKind(kind: string): Iterable<Item>
}

/** A change that a target could not make, though it made others of the same batch. */
export interface ItemFailure {
  change: Change
  message: string
}

/** Which containers are not what they were: none, all, or the named ones. */
export type Prepared = 'kept' | 'lost' | { lost: readonly string[] }

/** Where items go. */
export interface Target {
  /**
   * True (also if absent): a batch is applied whole or not at all, and holds changes of all stages. False: each stage is a batch of its own, additions first and
   * ascending, then removals descending, so that nothing leads to what is not there yet or no longer. In both, a changed value is a
   * `delete` and an `add` of one key in the same batch; where stages are batches they follow each other, and succeed or fail as one.
   */
  readonly transactional?: boolean
  /** apply() may be called again before it has answered: batches are made in turn, and the next is made ready while the target works on one. */
  readonly queues?: boolean
  /** Makes the containers (tables, chains, devices) exist and be right. What it calls lost is a new epoch: written again. */
  prepare(): Promise<Prepared>
  /** Everything that is there, in pieces. */
  read(): AsyncIterable<FoundItem[]>
  /**
   * One batch. A target that gets an answer for each item returns what failed; the rest was made.
   * @throws ContainerLost, or any error: then nothing of the batch was made, and it is bisected by subject.
   */
  apply(changes: readonly Change[]): void | readonly ItemFailure[] | Promise<void | readonly ItemFailure[]>
  /** Removes what a change of layout left over; called after the first complete sync and after each new epoch. */
  finish(): Promise<void>
  /** True if somebody else has written since the last call of this, of apply() or of prepare(). Cheap. */
  touchedByOthers(): boolean
  /** Runs effects. @throws if one fails: then they are halved, and the one that fails alone is tried again with backoff. */
  runEffects?(effects: readonly Effect[], known: KnownItems): void | Promise<void>
  /** Compares what the kernel has learnt by itself (connections, dynamic elements) with what is wanted; yields the effects that are due, in pieces. */
  sweep?(known: KnownItems): AsyncIterable<readonly Effect[]>
}

/** Containers are gone (no such table, no such device): a new epoch, never bisected. */
export class ContainerLost extends Error {
  override readonly name = 'ContainerLost'
  /** Those that are gone; all of the target's if absent. */
  readonly containers: readonly string[] | undefined

  constructor(message: string, containers?: readonly string[]) {
    super(message)
    this.containers = containers
  }
}

export const itemId = (item: { kind: string; key: string }): string => `${item.kind} ${item.key}`
