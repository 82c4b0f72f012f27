import { bundledWithK3s, runInstalled } from './installed.ts'
import type { NetworkNamespace } from './network-namespace.ts'

/** One table of iptables: in nf_tables, or of its legacy command. */
export interface IptablesTable {
  family: 'ip' | 'ip6'
  flavour: 'nft' | 'legacy'
  /** `nat`, `filter`, `mangle`, `raw`. */
  name: string
}

/** For tables of tens of thousands of chains. */
const timeoutMs = 300_000

/**
 * The table as `iptables-save` prints it, without counters; undefined where no such command is installed.
 * @throws KernelError with what the command said
 */
export function saveTable(table: IptablesTable, ns?: NetworkNamespace): string | undefined {
  return runInstalled(binaries(table, 'save'), ['-t', table.name], { timeoutMs, alsoIn: bundledWithK3s, ns })
}

/**
 * Gives lines to `iptables-restore` as one transaction; what they do not name stays as it is. False: no such command is installed.
 * @throws KernelError with what the command said; nothing was changed then
 */
export function restoreTable(table: IptablesTable, lines: readonly string[], ns?: NetworkNamespace): boolean {
  const input = `*${table.name}\n${lines.join('\n')}\nCOMMIT\n`
  return (
    runInstalled(binaries(table, 'restore'), ['--noflush', '-w', '3'], {
      timeoutMs,
      alsoIn: bundledWithK3s,
      input,
      ns,
    }) !== undefined
  )
}

function binaries({ family, flavour }: IptablesTable, verb: 'save' | 'restore'): string[] {
  const name = family === 'ip' ? 'iptables' : 'ip6tables'
  return flavour === 'legacy' ? [`${name}-legacy-${verb}`] : [`${name}-nft-${verb}`, `${name}-${verb}`]
}
