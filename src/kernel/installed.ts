import { spawnSync } from 'node:child_process'
import { errnoFromText, KernelError } from './errors.ts'
import type { NetworkNamespace } from './network-namespace.ts'

/** K3s brings commands of its own, which it uses where the host has none, or with --prefer-bundled-bin. */
export const bundledWithK3s = ['/var/lib/rancher/k3s/data/current/bin', '/var/lib/rancher/k3s/data/current/bin/aux']

export interface RunOptions {
  timeoutMs: number
  /** Given to its standard input. */
  input?: string
  /** Directories that it may be in besides those of $PATH. */
  alsoIn?: readonly string[]
  /** The process's own if absent. */
  ns?: NetworkNamespace | undefined
}

/**
 * What the first of the commands prints that is installed; undefined where none is.
 * @throws KernelError with what the command said
 */
export function runInstalled(
  commands: readonly string[],
  args: readonly string[],
  { timeoutMs, input = '', alsoIn = [], ns }: RunOptions,
): string | undefined {
  const env = { ...process.env, PATH: [process.env['PATH'] ?? '', ...alsoIn].join(':') }
  const options = { encoding: 'utf8', timeout: timeoutMs, maxBuffer: 1 << 28, input, env } as const
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
