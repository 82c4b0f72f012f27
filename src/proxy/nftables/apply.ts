import { isNotFound } from '../../kernel/errors.ts'
import { otherTable, type TableName, tableNames } from '../../kernel/names.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { deleteTable, generation, listTables, runNft } from '../../kernel/nftables/ruleset.ts'
import { NftTable } from '../../kernel/nftables/table.ts'
import type { SetSpec } from '../../kernel/nftables/types.ts'
import { WeftError } from '../../model/error.ts'
import { type Change, ContainerLost, type FoundItem, type Target } from '../../reconcile/types.ts'
import { type ConstantRules, constantRules } from './constants.ts'
import { setKinds } from './kinds.ts'

/** What a table of ours says of itself in its comment. */
interface TableMark {
  layout: string
  cluster: string
}

const markText = ({ layout, cluster }: TableMark): string => `weft layout=${layout} cluster=${cluster}`

function parseMark(comment: string | undefined): TableMark | undefined {
  const match = /^weft layout=(\S+) cluster=(\S+)$/.exec(comment ?? '')
  return match?.[1] && match[2] ? { layout: match[1], cluster: match[2] } : undefined
}

/**
 * The table of Services in this process's network namespace. A table with our layout and complete rules is taken over; any other one of our
 * names is replaced by one built beside it, and leaves in a transaction of its own when everything is in the new one.
 */
export class ServiceTable implements Target {
  readonly transactional = true
  readonly #rules: ConstantRules = constantRules('ip')
  readonly #mark: TableMark
  readonly #namespace: NetworkNamespace | undefined
  #table: NftTable | undefined
  #name: TableName | undefined
  #generation = -1

  /**
   * @param clusterUid uid of the namespace kube-system: nothing of another cluster's is touched.
   * @param namespace the process's own if absent.
   */
  constructor(clusterUid: string, namespace?: NetworkNamespace) {
    this.#namespace = namespace
    this.#mark = { layout: this.#rules.layout, cluster: clusterUid }
  }

  async prepare(): Promise<'kept' | 'lost'> {
    const before = generation(this.#namespace)
    const found = this.#ours()
    const intact = found.find(({ name, mark }) => mark?.layout === this.#mark.layout && this.#complete(name))
    if (intact !== undefined) {
      const kept = this.#name === undefined || this.#name === intact.name
      this.#use(intact.name)
      this.#generation = before
      return kept ? 'kept' : 'lost'
    }
    const used = new Set(found.map(({ name }) => name))
    // Both names taken and neither right: the one in use until now is the better one to stand by while the other is rebuilt.
    const name = tableNames.find((candidate) => !used.has(candidate)) ?? otherTable(this.#name ?? tableNames[0])
    if (used.has(name)) deleteTable(this.#rules.family, name, this.#namespace)
    runNft(this.#rules.text(name, markText(this.#mark)), this.#namespace)
    this.#use(name)
    this.#generation = generation(this.#namespace)
    return 'lost'
  }

  /** For a dry run: looks at the table that is there, if it is one to take over. */
  peek(): boolean {
    const intact = this.#ours().find(({ name, mark }) => mark?.layout === this.#mark.layout && this.#complete(name))
    if (intact !== undefined) this.#use(intact.name)
    return intact !== undefined
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    const table = this.#table
    if (table === undefined) return
    for (const kind of Object.values(setKinds)) {
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
    const table = this.#table
    if (table === undefined) throw new ContainerLost('no table yet')
    try {
      table.apply(changes.map(toElementChange))
    } catch (error) {
      if (isNotFound(error) && !table.info().exists) throw new ContainerLost(`table ip ${this.#name} is gone`)
      throw error
    }
    // One transaction is one generation; anything beyond that was somebody else.
    this.#generation++
  }

  async finish(): Promise<void> {
    for (const { name } of this.#ours()) {
      if (name !== this.#name && deleteTable(this.#rules.family, name, this.#namespace)) this.#generation++
    }
  }

  touchedByOthers(): boolean {
    return generation(this.#namespace) !== this.#generation
  }

  #use(name: TableName): void {
    if (this.#name === name && this.#table !== undefined) return
    this.#name = name
    this.#table = this.#open(name, Object.values(setKinds))
  }

  /** Our tables, newest layout or not. @throws WeftError if one belongs to another cluster. */
  #ours(): { name: TableName; mark: TableMark | undefined }[] {
    const found = listTables(this.#rules.family, this.#namespace).flatMap((table) => {
      const name = tableNames.find((candidate) => candidate === table.name)
      return name === undefined ? [] : [{ name, mark: parseMark(table.comment) }]
    })
    const foreign = found.find(({ mark }) => mark !== undefined && mark.cluster !== this.#mark.cluster)
    if (foreign === undefined) return found
    throw new WeftError(`table ip ${foreign.name} holds the Services of another cluster`, {
      code: 'PROXY_OTHER_CLUSTER',
      fault: 'user',
      where: `its comment says cluster=${foreign.mark?.cluster}, the API's kube-system has uid ${this.#mark.cluster}`,
      remedy: `if that cluster has left this node, remove the table: nft delete table ip ${foreign.name}`,
    })
  }

  #open(name: string, sets: readonly SetSpec[]): NftTable {
    const namespace = this.#namespace === undefined ? {} : { namespace: this.#namespace }
    return new NftTable({ family: this.#rules.family, name, sets, ...namespace })
  }

  #complete(name: string): boolean {
    const found = this.#open(name, []).chains()
    if (found.size !== this.#rules.ruleCounts.size) return false
    for (const [chain, count] of this.#rules.ruleCounts) if (found.get(chain) !== count) return false
    return true
  }
}

const toElementChange = ({ op, item, subject }: Change): Parameters<NftTable['apply']>[0][number] => ({
  op,
  element: {
    set: item.kind,
    key: item.key,
    ...(item.value === '' ? {} : { data: item.value }),
    ...(op === 'add' && subject !== undefined && setKinds[item.kind]?.owned
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
