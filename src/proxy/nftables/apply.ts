import { KernelConntrack } from '../../kernel/conntrack/kernel.ts'
import { isNotFound } from '../../kernel/errors.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { foreignWrites, foreignWritesSoon, isWritingBeside } from '../../kernel/nftables/ruleset.ts'
import type { NftTable } from '../../kernel/nftables/table.ts'
import type { Element, ElementChange } from '../../kernel/nftables/types.ts'
import type { Flow } from '../../kernel/conntrack/types.ts'
import type { Family } from '../../model/ip.ts'
import {
  type Change,
  ContainerLost,
  type Effect,
  type FoundItem,
  type KnownItems,
  type Target,
} from '../../reconcile/types.ts'
import { constantRules } from './constants.ts'
import { ServiceFlows } from './flows.ts'
import { type SetKind, setKinds } from './kinds.ts'
import { applyWithChains, needsChains, stickyChainItems } from './sticky-chains.ts'
import { type FlushProtection, TableHome } from './table-home.ts'

export interface ServiceTableOptions {
  /** The table belongs to this process where the kernel can (6.9): a flush by others passes it over, and nft cannot change it either. */
  owner?: boolean
  /** Whether a flow's endpoint serves on, though nothing new is sent to it. Never, if absent. */
  isServing?: (flow: Flow) => boolean
  /** The process's own if absent. */
  namespace?: NetworkNamespace
}

/**
 * The table of one family's Services in this process's network namespace. A table with our layout and untouched rules is taken over; any other one of our
 * names is replaced by one built beside it, and leaves in a transaction of its own when everything is in the new one.
 */
export class ServiceTable implements Target {
  readonly transactional = true
  readonly queues = true
  readonly #kinds: Readonly<Record<string, SetKind>>
  readonly #namespace: NetworkNamespace | undefined
  readonly #home: TableHome
  readonly #flows: ServiceFlows
  readonly #toElement: (change: Change) => ElementChange
  #foreignWrites = -1
  /** Batches beside the event loop, and what they wait for: the last one that had to be alone, or all. */
  #underWay = 0
  #alone: Promise<unknown> | undefined
  #all: Promise<unknown> = Promise.resolve()

  /** @param clusterUid uid of the namespace kube-system: nothing of another cluster's is touched. */
  constructor(clusterUid: string, family: Family, options: ServiceTableOptions = {}) {
    const { owner = false, isServing, namespace } = options
    this.#kinds = setKinds[family]
    this.#toElement = (change) => toElementChange(change, this.#kinds)
    this.#namespace = namespace
    this.#home = new TableHome({
      rules: constantRules(family === 'IPv4' ? 'ip' : 'ip6'),
      clusterUid,
      sets: Object.values(this.#kinds).filter(({ chains }) => !chains),
      namespace,
      owner,
    })
    this.#flows = new ServiceFlows(new KernelConntrack(namespace), family, isServing)
  }

  /** What a flush by others would do. */
  get protection(): FlushProtection {
    return this.#home.protection
  }

  /** UDP flows forgotten so far. */
  get flowsForgotten(): number {
    return this.#flows.forgotten
  }

  /** A table that has to be built is there when the first batch is written; what went wrong with it is thrown here next time. */
  async prepare(): Promise<'kept' | 'lost'> {
    await this.#home.built().finally(() => this.#home.giveUpBuilding())
    const before = await foreignWritesSoon(this.#namespace)
    const prepared = this.#home.prepare()
    this.#foreignWrites = before
    // In another namespace nothing is gained by it (writeNftInBackground).
    if (this.#namespace !== undefined) await this.#home.built()
    return prepared
  }

  /** For a dry run: looks at the table that is there, if it is one to take over. */
  peek(): void {
    this.#home.peek()
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    await this.#home.built()
    const { table } = this.#home
    if (table === undefined) return
    yield stickyChainItems(table)
    for (const kind of Object.values(this.#kinds)) {
      if (kind.chains) continue
      for await (const piece of table.dump(kind.name)) {
        yield piece.map(({ key, data, comment }) => ({
          kind: kind.name,
          key,
          value: data ?? '',
          ...(kind.owned && comment !== undefined ? parseOwner(comment) : {}),
        }))
      }
    }
  }

  /** A few changes are made at once; many of them beside the event loop, in turn. */
  apply(changes: readonly Change[]): void | Promise<void> {
    const beside = changes.length > atOnceChanges || this.#underWay > 0 || this.#home.building || needsChains(changes)
    if (beside) return this.#applyBeside(changes)
    try {
      this.#tableInUse().apply(changes.map(this.#toElement))
    } catch (error) {
      throw this.#lossOr(error)
    }
  }

  async #applyBeside(changes: readonly Change[]): Promise<void> {
    const alone = needsChains(changes)
    const mine = this.#applyAfter(alone ? this.#all : this.#alone, changes)
    const ended = mine.catch(() => {})
    this.#all = Promise.all([this.#all, ended])
    if (alone) this.#alone = ended
    this.#underWay++
    try {
      await mine
    } catch (error) {
      throw this.#lossOr(error)
    } finally {
      this.#underWay--
      if (this.#alone === ended) this.#alone = undefined
    }
  }

  async #applyAfter(before: Promise<unknown> | undefined, changes: readonly Change[]): Promise<void> {
    if (before !== undefined) await before
    if (this.#home.building) await this.#builtOrLost()
    if (needsChains(changes)) await applyWithChains(this.#home, changes, this.#toElement)
    else await this.#tableInUse().applyInBackground(changes.map(this.#toElement))
  }

  /** What went wrong is told by the prepare() that follows. */
  async #builtOrLost(): Promise<void> {
    try {
      await this.#home.built()
    } catch (error) {
      throw new ContainerLost(error instanceof Error ? error.message : String(error))
    }
  }

  #tableInUse(): NftTable {
    const { table } = this.#home
    if (table === undefined) throw new ContainerLost('no table yet')
    return table
  }

  #lossOr(error: unknown): unknown {
    const { table } = this.#home
    if (table === undefined || !isNotFound(error) || table.info().exists) return error
    return new ContainerLost(`table ${table.family} ${table.name} is gone`)
  }

  async finish(): Promise<void> {
    await this.#home.removeOthers()
  }

  touchedByOthers(): boolean {
    // Asked again soon.
    return !isWritingBeside(this.#namespace) && foreignWrites(this.#namespace) !== this.#foreignWrites
  }

  runEffects(effects: readonly Effect[], known: KnownItems): Promise<void> {
    return this.#flows.forget(effects, known)
  }

  sweep(known: KnownItems): AsyncGenerator<readonly Effect[]> {
    return this.#flows.sweep(known)
  }

  /** Leaves the table to the next agent, as the end of the process does. */
  close(): void {
    this.#home.close()
  }
}

/** So many take about half a millisecond, less than it takes to hand them to another thread. */
const atOnceChanges = 200

function toElementChange({ op, item, subject }: Change, kinds: Readonly<Record<string, SetKind>>): ElementChange {
  const element: Element = { set: item.kind, key: item.key }
  if (item.value !== '') element.data = item.value
  if (op === 'add' && subject !== undefined && kinds[item.kind]?.owned) element.comment = ownerText(subject, item.note)
  return { op, element }
}

// Names of Kubernetes have no blanks.
const ownerText = (subject: string, note: string | undefined): string =>
  note === undefined ? subject : `${subject} ${note}`

function parseOwner(comment: string): { subject: string; note?: string } {
  const blank = comment.indexOf(' ')
  return blank < 0 ? { subject: comment } : { subject: comment.slice(0, blank), note: comment.slice(blank + 1) }
}
