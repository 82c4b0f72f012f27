import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'

/**
 * Groups of processes, by cgroup2 (Documentation/admin-guide/cgroup-v2.rst): to end a whole process tree for sure. A path is relative to the
 * mount, e.g. `weft/lab-a/node-1`. No controllers are used, so a hybrid hierarchy will do.
 */

const KILL_POLL_MS = 5
const KILL_TIMEOUT_MS = 10_000

/** Where cgroup2 is mounted, by mountinfo (proc_pid_mountinfo(5)); undefined: nowhere. */
export function findCgroup2(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ')
    if (filesystem.startsWith('cgroup2 ')) return unescapeOctal(mount.split(' ')[4] ?? '')
  }
  return undefined
}

/** Blanks and backslashes in paths are written `\040` and so on. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** @throws WeftError CGROUP2_MISSING */
export function cgroupRoot(): string {
  const root = findCgroup2(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (root !== undefined) return root
  throw new WeftError('cgroup2 is not mounted', {
    code: 'CGROUP2_MISSING',
    fault: 'user',
    where: '/proc/self/mountinfo',
    remedy: 'mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified',
  })
}

const directoryOf = (path: string): string => join(cgroupRoot(), path)

/** Creates it and those above it; no error when it exists. @returns its directory. @throws WeftError */
export function createCgroup(path: string): string {
  const directory = directoryOf(path)
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Moves a process (all its threads) into the group; children that it has already stay where they are. @throws when the process is gone (ESRCH) */
export function joinCgroup(path: string, pid: number): void {
  writeFileSync(join(directoryOf(path), 'cgroup.procs'), String(pid))
}

/** Processes in the group itself and in all below it. */
export function listPids(path: string): number[] {
  return pidsBelow(directoryOf(path))
}

function pidsBelow(directory: string): number[] {
  const procs = readGone(join(directory, 'cgroup.procs'))
  const own = procs.split('\n').filter(Boolean).map(Number)
  return [...own, ...childrenOf(directory).flatMap(pidsBelow)]
}

function childrenOf(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name))
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

function readGone(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (isGone(error)) return ''
    throw error
  }
}

const isGone = (error: unknown): boolean => ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')

/**
 * SIGKILL to every process in the group and below, then removes the groups. Processes forked meanwhile are caught too (cgroup.kill, kernel 5.14).
 * No error when the group is not there, or somebody else removes it meanwhile. @throws WeftError CGROUP_NOT_EMPTY when a process does not die within 10 s
 */
export async function killCgroup(path: string): Promise<void> {
  const directory = directoryOf(path)
  const deadline = performance.now() + KILL_TIMEOUT_MS
  while (existsSync(directory)) {
    // Again and again: somebody may join meanwhile.
    killAll(directory)
    if (!isPopulated(directory) && removeTree(directory)) return
    if (performance.now() > deadline) throw stuck(directory)
    await sleep(KILL_POLL_MS)
  }
}

function killAll(directory: string): void {
  try {
    writeFileSync(join(directory, 'cgroup.kill'), '1')
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

const isPopulated = (directory: string): boolean => readGone(join(directory, 'cgroup.events')).includes('populated 1')

/** Depth first: a group with groups below cannot be removed. @returns false if somebody has just joined one of them */
function removeTree(directory: string): boolean {
  for (const child of childrenOf(directory)) if (!removeTree(child)) return false
  try {
    rmdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false
    if (!isGone(error)) throw error
  }
  return true
}

const stuck = (directory: string): WeftError =>
  new WeftError(`processes ${pidsBelow(directory).join(', ')} do not end`, {
    code: 'CGROUP_NOT_EMPTY',
    fault: 'kernel',
    where: directory,
    remedy: 'look at their state in /proc/<pid>/status; in state D they wait for a device or file system',
  })
