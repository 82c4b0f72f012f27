import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../kernel/process.ts'

const pollMs = 5
/** Patience with a first process that is busy. */
const patienceMs = 5_000

/**
 * Whether the first process of the machine, or whoever stands in for it, takes note of the end of orphans. In a container it may be a program that does not (`tail -f /dev/null`, without
 * `docker run --init`), and then a PID namespace could never end: its first process waits until all are gone whose parents were outside (pid_namespaces(7)), among them those whose parents were
 * killed with them.
 */
export async function areOrphansReaped(): Promise<boolean> {
  const { stdout } = await run('sh', ['-c', 'sleep 0.01 > /dev/null 2>&1 & echo $!'])
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const state = stateOf(Number(stdout))
    if (state === undefined) return true
    if (state === 'Z' && performance.now() > deadlineMs) return false
    await sleep(pollMs)
  }
}

/** The third field of proc_pid_stat(5), behind the name in brackets. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
