import { type IptablesCommand, iptables } from '../../kernel/iptables.ts'
import { anchorTable, tableNames } from '../../kernel/names.ts'
import type { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { forwardChains } from '../../kernel/nftables/forward-chains.ts'
import { writeNft } from '../../kernel/nftables/ruleset.ts'
import { readFileSync } from 'node:fs'

/** Rules of ours in other people's chains begin with this in their comment. */
const commentPrefix = 'weft:'

/** One chain, and the rules of ours that stand in it. */
export interface FoundChain {
  id: string
  drops: boolean
  /** Words of acceptsText, in the order of the rules. */
  accepts: string[]
}

const ourTables = new Set<string>([...tableNames, anchorTable])

/** Chains of iptables in nf_tables: to them only iptables itself may add, or it no longer understands its table. */
const isIptables = (id: string): boolean => /^(ip|ip6) filter FORWARD$/.test(id)

/** All foreign chains on the forward hook: of nf_tables, and of iptables-legacy where it is in use. @throws KernelError */
export function readFirewalls(ns?: NetworkNamespace): FoundChain[] {
  const chains = forwardChains(ourTables, ns).map(({ family, table, chain, drops, rules }): FoundChain => {
    const id = `${family} ${table} ${chain}`
    if (!isIptables(id)) return { id, drops, accepts: accepts(rules.map(({ comment }) => comment)) }
    // A command takes long: it is run only where there is a comment to be read.
    const commented = rules.some((rule) => rule.hasIptablesComment)
    return { id, drops, accepts: commented ? iptablesAccepts(id, ns) : [] }
  })
  return [...chains, ...legacyChains(ns)]
}

const accepts = (comments: readonly string[]): string[] =>
  comments.flatMap((comment) => (comment.startsWith(commentPrefix) ? [comment.slice(commentPrefix.length)] : []))

function commandOf(id: string): IptablesCommand | undefined {
  if (id.startsWith('legacy ')) return id.startsWith('legacy ip6 ') ? 'ip6tables-legacy' : 'iptables-legacy'
  return isIptables(id) ? (id.startsWith('ip6 ') ? 'ip6tables' : 'iptables') : undefined
}

function iptablesAccepts(id: string, ns: NetworkNamespace | undefined): string[] {
  const command = commandOf(id)
  return acceptsOfListing((command && iptables(command, ['-S', 'FORWARD'], ns)) ?? '')
}

const acceptsOfListing = (listing: string): string[] =>
  accepts([...listing.matchAll(/--comment "?([^"\s]+)"?/g)].map((match) => match[1] ?? ''))

/** The kernel lists the legacy tables that are in use; asking the command about one that is not would make it. */
function legacyChains(ns: NetworkNamespace | undefined): FoundChain[] {
  return (['ip', 'ip6'] as const).flatMap((family): FoundChain[] => {
    if (!tablesInUse(family, ns).includes('filter')) return []
    const listing = iptables(family === 'ip' ? 'iptables-legacy' : 'ip6tables-legacy', ['-S', 'FORWARD'], ns)
    if (listing === undefined) return []
    const drops = /^-P FORWARD DROP$/m.test(listing) || /^-A FORWARD -j (DROP|REJECT)\b/m.test(listing)
    return [{ id: `legacy ${family} filter FORWARD`, drops, accepts: acceptsOfListing(listing) }]
  })
}

/** Tables of iptables-legacy, e.g. `nat`. */
export function tablesInUse(family: 'ip' | 'ip6', ns: NetworkNamespace | undefined): string[] {
  const read = (): string => readFileSync(`/proc/thread-self/net/${family}_tables_names`, 'utf8')
  try {
    return (ns === undefined ? read() : ns.run(read)).split('\n')
  } catch {
    // No such file: the module is not loaded, so no table is in use.
    return []
  }
}

/** Puts the rules on top of the chain. @throws KernelError, EPERM where the table belongs to another process */
export function insertAccepts(id: string, value: string, ns?: NetworkNamespace): void {
  const words = value.split(' ')
  const command = commandOf(id)
  if (command === undefined) {
    writeNft(
      words.map((word) => `insert rule ${id} ${nftMatch(word)} accept comment "${commentPrefix}${word}"\n`).join(''),
      ns,
    )
    return
  }
  for (const word of words) {
    iptables(command, ['-I', 'FORWARD', ...iptablesRule(word)], ns)
  }
}

/** Removes the rules of ours from the chain, whatever they accept. Those that are not there need no removal. @throws KernelError */
export function removeAccepts(id: string, ns?: NetworkNamespace): void {
  const command = commandOf(id)
  if (command !== undefined) {
    const listing = iptables(command, ['-S', 'FORWARD'], ns) ?? ''
    for (const word of acceptsOfListing(listing)) iptables(command, ['-D', 'FORWARD', ...iptablesRule(word)], ns)
    return
  }
  const chain = forwardChains(ourTables, ns).find((one) => `${one.family} ${one.table} ${one.chain}` === id)
  const ours = chain?.rules.filter(({ comment }) => comment.startsWith(commentPrefix)) ?? []
  if (ours.length > 0) writeNft(ours.map(({ handle }) => `delete rule ${id} handle ${handle}\n`).join(''), ns)
}

function nftMatch(word: string): string {
  const [direction, cidr] = word.split('=')
  if (cidr === undefined) return 'ct status dnat'
  return `${cidr.includes(':') ? 'ip6' : 'ip'} ${direction === 'from' ? 'saddr' : 'daddr'} ${cidr}`
}

function iptablesRule(word: string): string[] {
  const [direction, cidr] = word.split('=')
  const match =
    cidr === undefined ? ['-m', 'conntrack', '--ctstate', 'DNAT'] : [direction === 'from' ? '-s' : '-d', cidr]
  return [...match, '-m', 'comment', '--comment', `${commentPrefix}${word}`, '-j', 'ACCEPT']
}
