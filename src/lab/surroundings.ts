import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { netnsDir } from '../kernel/namespaces.ts'
import { run } from '../kernel/process.ts'
import { readJson, writeJson } from './files.ts'
import { labsRoot } from './state.ts'

/** How the directory of named network namespaces was before the first lab. */
interface Before {
  /** What is written here is about one boot: /run does not outlive it. */
  bootId: string
  existed: boolean
}

const noteFile = join(dirname(labsRoot), 'netns-directory.json')

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/**
 * Makes the folder of all labs, and notes down whether the first namespace of a lab will turn /run/netns into a mount: ip-netns(8) does so
 * once, and never takes it back. Call with the labs' lock held.
 */
export function prepareSurroundings(): void {
  for (const directory of [dirname(labsRoot), labsRoot]) makeDirectory(directory)
  if (isMountPoint(netnsDir)) return
  writeJson(noteFile, { bootId: bootId(), existed: existsSync(netnsDir) } satisfies Before)
}

/**
 * Once the last lab is gone, takes back what labs made around themselves: the mount on /run/netns, if it came with a lab and nobody else has a
 * namespace there, and the folder of all labs. Call with the labs' lock held.
 */
export async function restoreSurroundings(): Promise<void> {
  if (namesIn(labsRoot).length > 0) return
  const before = readJson(noteFile) as Before | undefined
  if (before?.bootId === bootId() && namesIn(netnsDir).length === 0) await unmountNetnsDirectory(before.existed)
  rmSync(noteFile, { force: true })
  removeIfEmpty(labsRoot)
  removeIfEmpty(dirname(labsRoot))
}

/** One step at a time: asked for several, Node takes a read-only file system for a missing one. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A mount that is busy is somebody's who has made a namespace just now, and stays. */
async function unmountNetnsDirectory(existed: boolean): Promise<void> {
  if (isMountPoint(netnsDir)) await run('umount', [netnsDir])
  if (!existed && !isMountPoint(netnsDir)) removeIfEmpty(netnsDir)
}

/** By the fifth field of proc_pid_mountinfo(5). */
const isMountPoint = (path: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path)

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** A directory that is a mount point (EBUSY), or on a file system that was made read-only, is somebody else's decision. */
const staysFor = ['ENOENT', 'ENOTEMPTY', 'EBUSY', 'EROFS']

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!staysFor.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
