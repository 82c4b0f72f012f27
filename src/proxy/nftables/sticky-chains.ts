import type { NftTable } from '../../kernel/nftables/table.ts'
import type { ElementChange } from '../../kernel/nftables/types.ts'
import type { Change, FoundItem } from '../../reconcile/types.ts'
import { touchRule } from './constants.ts'
import { stickyChains } from './kinds.ts'
import { stickyChain } from './sticky.ts'

/**
 * Chains that keep a client for another time than the constant rules do: one for each time that some Service asks for. They are made before the first element that leads to
 * them, in a transaction of their own, and go after the last.
 */
const isStickyChain = (chain: string): boolean => /^sticky-\d+$/.test(chain)

/** Those that are there, as items; one whose rule is not there counts as absent. */
export function stickyChainItems(table: NftTable): FoundItem[] {
  return [...table.chains()].flatMap(([chain, rules]) =>
    isStickyChain(chain) && rules === 1
      ? [{ kind: stickyChains, key: chain.slice(stickyChain(0).length - 1), value: '' }]
      : [],
  )
}

/** What is needed of the table's home: TableHome. */
interface Home {
  readonly table: NftTable | undefined
  /** Runs commands of nft that change the table. */
  write(commands: string): Promise<void>
}

/** Whether elements of the batch need chains that are not there yet, or leave chains behind that nothing leads to any longer. */
export const needsChains = (changes: readonly Change[]): boolean =>
  changes.some(({ item }) => item.kind === stickyChains)

/** Writes a batch with such chains: nothing else may be under way. @throws KernelError */
export async function applyWithChains(
  home: Home,
  changes: readonly Change[],
  toElement: (change: Change) => ElementChange,
): Promise<void> {
  const chains = changes.filter(({ item }) => item.kind === stickyChains)
  if (home.table === undefined) return
  const { family, name } = home.table
  const seconds = (op: Change['op']): number[] =>
    chains.flatMap((change) => (change.op === op ? [Number(change.item.key)] : []))
  const write = async (commands: string[]): Promise<void> => {
    if (commands.length > 0) await home.write(`${commands.join('\n')}\n`)
  }
  const chain = (one: number): string => `chain ${family} ${name} ${stickyChain(one)}`
  await write(
    seconds('add').flatMap((one) => [
      `add ${chain(one)}`,
      `flush ${chain(one)}`,
      `add rule ${family} ${name} ${stickyChain(one)} ${touchRule(family, one)}`,
    ]),
  )
  // Writing may have opened the table anew.
  await home.table.applyInBackground(changes.filter(({ item }) => item.kind !== stickyChains).map(toElement))
  await write(seconds('delete').map((one) => `delete ${chain(one)}`))
}
