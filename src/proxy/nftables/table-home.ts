import { isPermission } from '../../kernel/errors.ts'
import { otherTable, type TableName, tableNames } from '../../kernel/names.ts'
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { type AnchorKind, NatAnchor } from '../../kernel/nftables/anchor.ts'
import { NFT_TABLE_F_DORMANT } from '../../kernel/nftables/constants.ts'
import { type Fingerprint, fingerprint } from '../../kernel/nftables/fingerprint.ts'
import { canOwnTables, createOwnableTable, isOwnable, ownerSocket, ownTable } from '../../kernel/nftables/ownership.ts'
import { addChain, deleteTable, listTables, writeNftInBackground } from '../../kernel/nftables/ruleset.ts'
import { NftTable } from '../../kernel/nftables/table.ts'
import type { SetSpec } from '../../kernel/nftables/types.ts'
import { WeftError } from '../../model/error.ts'
import type { ConstantRules } from './constants.ts'

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

/** A chain without rules and without a hook, whose name ends in the fingerprint that the rules had when they were written. */
const sealPrefix = 'rules-'

/** Chains that come and go with Services are compared as items are. */
const isNotConstant = (chain: string): boolean => chain.startsWith(sealPrefix) || chain.startsWith('sticky-')

export interface TableHomeOptions {
  rules: ConstantRules
  clusterUid: string
  /** Sets and maps that are written to. */
  sets: readonly SetSpec[]
  namespace: NetworkNamespace | undefined
  /** Where the kernel can, the table belongs to this process: a flush by others passes it over. Where it cannot, an anchor is held beside it. */
  owner: boolean
}

/** What becomes of established connections when others flush the ruleset: nothing happens to them, or the anchor holds them, or they stop until the table is back. */
export type FlushProtection = 'owned' | AnchorKind

interface OurTable {
  name: TableName
  mark: TableMark | undefined
  flags: number
}

/**
 * Where the table lives: under one of two names in turn, so that a new one is built beside the old. Knows whether what is there is what was written,
 * rule by rule, and owns it where the kernel has such a thing (kernel/nftables/ownership.ts).
 */
export class TableHome {
  readonly #options: TableHomeOptions
  readonly #mark: TableMark
  #table: NftTable | undefined
  #name: TableName | undefined
  #socket: NetlinkSocket | undefined
  #canOwn: boolean | undefined
  readonly #anchor: NatAnchor
  #anchored: AnchorKind = 'none'
  #building: Promise<void> | undefined
  #closed = false
  #disowned: Promise<void> | undefined

  constructor(options: TableHomeOptions) {
    this.#options = options
    this.#mark = { layout: options.rules.layout, cluster: options.clusterUid }
    this.#anchor = new NatAnchor(options.rules.family, options.namespace)
  }

  /** The table in use; undefined until one was taken over, or built. */
  get table(): NftTable | undefined {
    return this.#table
  }

  get name(): TableName | undefined {
    return this.#name
  }

  get protection(): FlushProtection {
    return this.#socket === undefined ? this.#anchored : 'owned'
  }

  /**
   * Takes over the table that is there and just as it was written, or begins to build one: then it is there when `built` resolves. Says whether it is the one in use until now (or
   * the first).
   */
  prepare(): 'kept' | 'lost' {
    const prepared = this.#prepareTable()
    if (this.#options.owner && !this.#shallOwn([])) this.#anchored = this.#anchor.hold()
    return prepared
  }

  /** Whether prepare() began to build a table that is not there yet. */
  get building(): boolean {
    return this.#building !== undefined
  }

  /** Waits for the table that prepare() began to build. @throws KernelError, WeftError: then there is none */
  async built(): Promise<void> {
    const building = this.#building
    await building
    if (this.#building === building) this.#building = undefined
  }

  /** A failure to build is told no more: the next prepare() tries again. */
  giveUpBuilding(): void {
    this.#building = undefined
  }

  #prepareTable(): 'kept' | 'lost' {
    const found = this.#ours()
    const shallOwn = this.#shallOwn(found)
    const intact = found.find((one) => this.#isIntact(one) && isOwnable(one.flags) === shallOwn)
    if (intact === undefined) {
      this.#beginBuilding(found)
      return 'lost'
    }
    const kept = this.#name === undefined || this.#name === intact.name
    this.#use(intact.name)
    // Flushed by others in the instant before it was owned, it would be there again, and empty.
    if (this.#socket !== undefined && !this.#isIntact(intact)) {
      this.#beginBuilding(found)
      return 'lost'
    }
    return kept ? 'kept' : 'lost'
  }

  #beginBuilding(found: readonly OurTable[]): void {
    this.#building = this.#build(new Set(found.map(({ name }) => name)))
    // Whoever waits for it is told; if nobody does, the first batch finds no table.
    this.#building.catch(() => {})
  }

  /** For a dry run: looks at the table that is there, if it is one to take over. Writes nothing. */
  peek(): void {
    const intact = this.#ours().find((one) => this.#isIntact(one))
    if (intact !== undefined) this.#table = this.#open(intact.name)
  }

  /** Removes those of our tables that are not in use. */
  async removeOthers(): Promise<void> {
    const { rules, namespace } = this.#options
    // Until then the old one belongs to its own socket.
    await this.#disowned
    for (const { name } of this.#ours()) {
      if (name !== this.#name) deleteTable(rules.family, name, namespace, this.#socket)
    }
  }

  /**
   * Runs commands of nft that change the table in use, for what is not written as elements. While they run the table belongs to nobody, since nft's own socket could
   * not write else. @throws KernelError
   */
  async write(commands: string): Promise<void> {
    const { namespace } = this.#options
    const [name, socket] = [this.#name, this.#socket]
    if (socket === undefined || name === undefined) return writeNftInBackground(commands, namespace)
    this.#socket = undefined
    await socket.closeInBackground()
    try {
      await writeNftInBackground(commands, namespace)
    } finally {
      this.#name = undefined
      if (!this.#closed) this.#use(name)
    }
  }

  /** Leaves the table to the next agent, as the end of the process does. */
  close(): void {
    this.#closed = true
    this.#socket?.close()
    this.#socket = undefined
    this.#anchor.close()
    this.#table = undefined
    this.#name = undefined
  }

  /** A table that can be owned shows that this kernel has such tables. */
  #shallOwn(found: readonly OurTable[]): boolean {
    const { owner, rules, namespace } = this.#options
    this.#canOwn ??= owner && (found.some(({ flags }) => isOwnable(flags)) || canOwnTables(rules.family, namespace))
    return this.#canOwn
  }

  /** What others see of it meanwhile is a table without rules. */
  async #build(used: ReadonlySet<TableName>): Promise<void> {
    const { rules, namespace } = this.#options
    // Both names taken and neither right: the one in use until now is the better one to stand by while the other is rebuilt.
    const name = tableNames.find((candidate) => !used.has(candidate)) ?? otherTable(this.#name ?? tableNames[0])
    if (used.has(name)) deleteTable(rules.family, name, namespace, this.#socket)
    const comment = markText(this.#mark)
    if (this.#shallOwn([])) {
      createOwnableTable(rules.family, name, comment, namespace)
      await writeNftInBackground(rules.commands(name), namespace)
    } else {
      await writeNftInBackground(rules.text(name, comment), namespace)
    }
    if (this.#closed) return
    addChain(rules.family, name, sealPrefix + this.#rulesOf(name).hash, namespace)
    this.#use(name)
  }

  #use(name: TableName): void {
    if (this.#name === name && this.#table !== undefined) return
    if (this.#shallOwn([])) this.#own(name)
    this.#name = name
    this.#table = this.#open(name)
  }

  #own(name: TableName): void {
    const { rules, namespace } = this.#options
    // A new socket for each: until then the other table stays ours to remove.
    const socket = ownerSocket(namespace)
    try {
      ownTable(socket, rules.family, name, namespace)
    } catch (error) {
      socket.close()
      if (isPermission(error)) throw ownedByOthers(rules.family, name, error)
      throw error
    }
    this.#disowned = this.#socket?.closeInBackground()
    this.#socket = socket
  }

  /** Our tables, newest layout or not. @throws WeftError if one belongs to another cluster. */
  #ours(): OurTable[] {
    const { rules, namespace } = this.#options
    const found = listTables(rules.family, namespace).flatMap(({ name: text, comment, flags }): OurTable[] => {
      const name = tableNames.find((candidate) => candidate === text)
      return name === undefined ? [] : [{ name, mark: parseMark(comment), flags }]
    })
    const foreign = found.find(({ mark }) => mark !== undefined && mark.cluster !== this.#mark.cluster)
    if (foreign === undefined) return found
    throw new WeftError(`table ${rules.family} ${foreign.name} holds the Services of another cluster`, {
      code: 'PROXY_OTHER_CLUSTER',
      fault: 'user',
      where: `its comment says cluster=${foreign.mark?.cluster}, the API's kube-system has uid ${this.#mark.cluster}`,
      remedy: `if that cluster has left this node, remove the table: nft delete table ${rules.family} ${foreign.name}`,
    })
  }

  #open(name: TableName): NftTable {
    const { rules, sets, namespace } = this.#options
    return new NftTable({
      family: rules.family,
      name,
      sets,
      ...(namespace !== undefined && { namespace }),
      ...(this.#socket !== undefined && { owner: this.#socket }),
    })
  }

  /** The same layout, awake, and every chain and rule as it was when the seal was put on it. */
  #isIntact({ name, mark, flags }: OurTable): boolean {
    if (mark?.layout !== this.#mark.layout || (flags & NFT_TABLE_F_DORMANT) !== 0) return false
    const { hash, chains } = this.#rulesOf(name)
    return chains.has(sealPrefix + hash)
  }

  #rulesOf(name: TableName): Fingerprint {
    const { rules, namespace } = this.#options
    return fingerprint(rules.family, name, isNotConstant, namespace)
  }
}

const ownedByOthers = (family: string, name: string, cause: unknown): WeftError =>
  new WeftError(`table ${family} ${name} belongs to another process`, {
    code: 'PROXY_TABLE_OWNED',
    fault: 'user',
    where: 'nft list table shows its program after "# progname"',
    remedy: 'stop the other agent of this network namespace',
    cause,
  })
