import { WeftError } from '../model/error.ts'

/** Exit codes of every command; the table in docs/cli.md. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notReady: 3,
  notFound: 4,
  permission: 5,
  timeout: 124,
  interrupted: 130,
  terminated: 143,
} as const

/**
 * Text of an error for the reader, without a trailing newline: what (where), `why:` with the chain of causes on one
 * line, `remedy:`. With `debug` the stacks follow.
 */
export function formatError(error: unknown, debug = false): string {
  const lines = [`weft: ${headline(error)}`]
  const why = causesOf(error).map(messageOf)
  if (why.length > 0) lines.push(`why: ${why.join(': ')}`)
  const remedy = remedyOf(error)
  if (remedy !== undefined) lines.push(`remedy: ${remedy}`)
  if (debug) lines.push(...[error, ...causesOf(error)].map(stackOf))
  return lines.join('\n')
}

function headline(error: unknown): string {
  const where = error instanceof WeftError ? error.where : undefined
  return where === undefined ? messageOf(error) : `${messageOf(error)} (${where})`
}

/** The innermost remedy wins where the error itself has none: it knows most about what happened. */
function remedyOf(error: unknown): string | undefined {
  const chain = [error, ...causesOf(error)].filter((link) => link instanceof WeftError)
  const remedies = chain.map((link) => link.remedy).filter((remedy) => remedy !== undefined)
  if (remedies.length > 0) return error instanceof WeftError && error.remedy ? error.remedy : remedies.at(-1)
  return error instanceof WeftError ? undefined : 'this looks like a fault of weft itself: run again with --debug'
}

/** Causes, outermost first; a chain that loops ends where it would repeat. */
function causesOf(error: unknown): unknown[] {
  const seen = new Set<unknown>([error])
  let cause = error instanceof Error ? error.cause : undefined
  while (cause !== undefined && !seen.has(cause)) {
    seen.add(cause)
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return [...seen].slice(1)
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? messageOf(error)) : String(error))

/** The exit code that an error ends the command with: its own, or that of its fault. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof WeftError && error.exitCode !== undefined) return error.exitCode
  const chain = [error, ...causesOf(error)]
  if (chain.some(isPermissionError)) return exitCodes.permission
  if (chain.some((link) => link instanceof Error && link.name === 'TimeoutError')) return exitCodes.timeout
  if (chain.some((link) => link instanceof Error && link.name === 'AbortError')) return exitCodes.interrupted
  if (!(error instanceof WeftError)) return exitCodes.failed
  if (error.fault === 'user') return exitCodes.usage
  return error.fault === 'cancelled' ? exitCodes.interrupted : exitCodes.failed
}

const isPermissionError = (error: unknown): boolean => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EPERM' || code === 'EACCES'
}
