import { runInstalled } from './installed.ts'
import type { NetworkNamespace } from './network-namespace.ts'

/** Which table: iptables keeps one in nf_tables and, by its legacy command, another beside it. */
export type IptablesCommand = 'iptables' | 'ip6tables' | 'iptables-legacy' | 'ip6tables-legacy'

/** Also under the name that the command has where the plain one is the legacy one. */
const binaries: Readonly<Record<IptablesCommand, readonly string[]>> = {
  iptables: ['iptables-nft', 'iptables'],
  ip6tables: ['ip6tables-nft', 'ip6tables'],
  'iptables-legacy': ['iptables-legacy'],
  'ip6tables-legacy': ['ip6tables-legacy'],
}

/**
 * Runs the command in a namespace and returns what it prints; undefined where it is not installed. Waits for the lock of other iptables, three seconds. About 5 ms.
 * @throws KernelError with what the command said
 */
export function iptables(command: IptablesCommand, args: readonly string[], ns?: NetworkNamespace): string | undefined {
  return runInstalled(binaries[command], ['-w', '3', ...args], { timeoutMs: 10_000, ns })
}
