import { spawnSync } from 'node:child_process'
import { errnoFromText, KernelError } from './errors.ts'
import type { NetworkNamespace } from './network-namespace.ts'

/** One table of iptables: in nf_tables, or of its legacy command. */
export interface IptablesTable {
  family: 'ip' | 'ip6'
  flavour: 'nft' | 'legacy'
  /** `nat`, `filter`, `mangle`, `raw`. */
  name: string
}

/** K3s brings commands of its own, which it uses where the host has none, or with --prefer-bundled-bin. */
const bundled = ['/var/lib/rancher/k3s/data/current/bin', '/var/lib/rancher/k3s/data/current/bin/aux']

/**
 * The table as `iptables-save` prints it, without counters; undefined where no such command is installed.
 * @throws KernelError with what the command said
 */
export function saveTable(table: IptablesTable, ns?: NetworkNamespace): string | undefined {
  return runCommand(binaries(table, 'save'), ['-t', table.name], { ...(ns && { ns }) })
}

/**
 * Gives lines to `iptables-restore` as one transaction; what they do not name stays as it is. False: no such command is installed.
 * @throws KernelError with what the command said; nothing was changed then
 */
export function restoreTable(table: IptablesTable, lines: readonly string[], ns?: NetworkNamespace): boolean {
  const input = `*${table.name}\n${lines.join('\n')}\nCOMMIT\n`
  return runCommand(binaries(table, 'restore'), ['--noflush', '-w', '3'], { input, ...(ns && { ns }) }) !== undefined
}

function binaries({ family, flavour }: IptablesTable, verb: 'save' | 'restore'): string[] {
  const name = family === 'ip' ? 'iptables' : 'ip6tables'
  return flavour === 'legacy' ? [`${name}-legacy-${verb}`] : [`${name}-nft-${verb}`, `${name}-${verb}`]
}

/**
 * What the first of the commands prints that is installed; undefined where none is.
 * @throws KernelError with what the command said
 */
export function runCommand(
  commands: readonly string[],
  args: readonly string[],
  { input = '', ns }: { input?: string; ns?: NetworkNamespace } = {},
): string | undefined {
  const env = { ...process.env, PATH: [process.env['PATH'] ?? '', ...bundled].join(':') }
  const options = { encoding: 'utf8', timeout: 300_000, maxBuffer: 1 << 28, input, env } as const
  for (const command of commands) {
    const call = () => spawnSync(command, args, options)
    const result = ns ? ns.run(call) : call()
    const error: NodeJS.ErrnoException | undefined = result.error
    if (error?.code === 'ENOENT') continue
    if (error) throw error
    if (result.status === 0) return result.stdout
    const text = result.stderr.trim()
    throw new KernelError({ errno: errnoFromText(text), operation: `${command} ${args.join(' ')}`, text })
  }
  return undefined
}
