import { KernelConntrack } from '../../kernel/conntrack/kernel.ts'
import { isNotFound } from '../../kernel/errors.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { foreignWrites } from '../../kernel/nftables/ruleset.ts'
import type { NftTable } from '../../kernel/nftables/table.ts'
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
import { applyWithChains, stickyChainItems } from './sticky-chains.ts'
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
  readonly #kinds: Readonly<Record<string, SetKind>>
  readonly #namespace: NetworkNamespace | undefined
  readonly #home: TableHome
  readonly #flows: ServiceFlows
  #foreignWrites = -1

  /** @param clusterUid uid of the namespace kube-system: nothing of another cluster's is touched. */
  constructor(clusterUid: string, family: Family, options: ServiceTableOptions = {}) {
    const { owner = false, isServing, namespace } = options
    this.#kinds = setKinds[family]
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

  async prepare(): Promise<'kept' | 'lost'> {
    const before = foreignWrites(this.#namespace)
    const prepared = this.#home.prepare()
    this.#foreignWrites = before
    return prepared
  }

  /** For a dry run: looks at the table that is there, if it is one to take over. */
  peek(): void {
    this.#home.peek()
  }

  async *read(): AsyncGenerator<FoundItem[]> {
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

  apply(changes: readonly Change[]): void {
    const { table } = this.#home
    if (table === undefined) throw new ContainerLost('no table yet')
    try {
      applyWithChains(this.#home, changes, (change) => toElementChange(change, this.#kinds))
    } catch (error) {
      if (isNotFound(error) && !table.info().exists) {
        throw new ContainerLost(`table ${table.family} ${table.name} is gone`)
      }
      throw error
    }
  }

  async finish(): Promise<void> {
    this.#home.removeOthers()
  }

  touchedByOthers(): boolean {
    return foreignWrites(this.#namespace) !== this.#foreignWrites
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

const toElementChange = (
  { op, item, subject }: Change,
  kinds: Readonly<Record<string, SetKind>>,
): Parameters<NftTable['apply']>[0][number] => ({
  op,
  element: {
    set: item.kind,
    key: item.key,
    ...(item.value === '' ? {} : { data: item.value }),
    ...(op === 'add' && subject !== undefined && kinds[item.kind]?.owned
      ? { comment: ownerText(subject, item.note) }
      : {}),
  },
})

// Names of Kubernetes have no blanks.
const ownerText = (subject: string, note: string | undefined): string =>
  note === undefined ? subject : `${subject} ${note}`

function parseOwner(comment: string): { subject: string; note?: string } {
  const blank = comment.indexOf(' ')
  return blank < 0 ? { subject: comment } : { subject: comment.slice(0, blank), note: comment.slice(blank + 1) }
}
