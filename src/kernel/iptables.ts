import { spawnSync } from 'node:child_process'
import { errnoFromText, KernelError } from './errors.ts'
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
  for (const binary of binaries[command]) {
    const call = () => spawnSync(binary, ['-w', '3', ...args], { encoding: 'utf8', timeout: 10_000 })
    const result = ns ? ns.run(call) : call()
    const error: NodeJS.ErrnoException | undefined = result.error
    if (error?.code === 'ENOENT') continue
    if (error) throw error
    if (result.status === 0) return result.stdout
    const text = result.stderr.trim()
    throw new KernelError({ errno: errnoFromText(text), operation: `${binary} ${args.join(' ')}`, text })
  }
  return undefined
}
