import { readFileSync } from 'node:fs'

/** A process that is not mistaken for a later one of the same pid: `pid:start time`. */
export type ProcessIdentity = string

/** @returns undefined if there is no such process, or it is a zombie */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; state is field 3 and starttime field 22 of proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : `${pid}:${fields[19]}`
  } catch {
    return undefined
  }
}

/** Whether the process that was meant still runs. */
export const isRunning = (identity: ProcessIdentity): boolean =>
  processIdentity(Number.parseInt(identity, 10)) === identity
