import { WeftError } from '../model/error.ts'
import { errnoFromText, KernelError } from './errors.ts'
import type { NetnsRef } from './network-namespace.ts'
import { mustRun, type RunResult, run } from './process.ts'

export interface IpOptions {
  /** Absent: the process's own namespace. */
  netns?: NetnsRef
}

/** A batch of thousands of routes takes under a second; longer than this something hangs. */
const BATCH_TIMEOUT_MS = 60_000

/**
 * Runs commands of ip(8), one a line without the word `ip`, in one process. Not a transaction: the lines before the one that fails have taken effect,
 * those after it have not. @throws KernelError whose `where` is the failing line
 */
export async function ipBatch(lines: readonly string[], options: IpOptions = {}): Promise<void> {
  if (lines.length === 0) return
  const broken = lines.find((line) => line.includes('\n'))
  if (broken !== undefined) {
    throw new WeftError(`a line of a batch holds a line break: ${JSON.stringify(broken)}`, {
      code: 'IP_BATCH_INVALID',
      fault: 'internal',
    })
  }
  const result = await run('ip', ['-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    timeoutMs: BATCH_TIMEOUT_MS,
    ...(options.netns !== undefined && { netns: options.netns }),
  })
  if (result.code !== 0) throw batchError(lines, result)
}

/** ip(8) says `Command failed -:3` after its message. */
function batchError(lines: readonly string[], { stderr, code }: RunResult): KernelError {
  const number = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 0)
  const text = stderr.replace(/Command failed -:\d+\s*/g, '').trim()
  const line = lines[number - 1]
  return new KernelError({
    errno: errnoFromText(text),
    operation: line === undefined ? `ip -batch ended with ${code}` : 'ip',
    text: text || `ended with ${code}`,
    ...(line !== undefined && { where: line }),
  })
}

/** `ip -json <args>`, parsed. The type is what the caller knows of ip(8)'s output. @throws WeftError COMMAND_FAILED */
export async function ipJson<T>(args: readonly string[], options: IpOptions = {}): Promise<T> {
  const { stdout } = await mustRun('ip', ['-json', ...args], {
    ...(options.netns !== undefined && { netns: options.netns }),
  })
  // An empty answer is no JSON at all.
  return JSON.parse(stdout.trim() === '' ? '[]' : stdout) as T
}
