import { existsSync, mkdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupRoot, createCgroup } from '../kernel/cgroup.ts'
import { WeftError } from '../model/error.ts'
import { type LabSpec, labFiles, readJson, writeJson } from './files.ts'
import { withLabsLock } from './lock.ts'
import { labCgroup } from './name.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { isLabRunning } from './running.ts'
import { labDir, labsRoot } from './state.ts'
import { prepareSurroundings, restoreSurroundings } from './surroundings.ts'
import { labNamespaces, removeLab } from './topology/remove.ts'

/**
 * Takes a lab's name: removes what an earlier lab of that name left, makes its folder and cgroup, and writes down what is wanted. From then
 * on the lab counts as running for as long as the starter runs.
 *
 * @throws WeftError LAB_RUNNING; LAB_DISK_FULL or LAB_FOLDER_UNWRITABLE, then nothing is left
 */
export function reserveLab(spec: LabSpec): Promise<void> {
  return withLabsLock(async () => {
    checkNotRunning(spec.name)
    await removeLab(spec.name)
    try {
      writeFolder(spec)
    } catch (cause) {
      await removeAll(spec.name)
      throw unwritable(cause)
    }
  })
}

/**
 * Removes the lab of this starter, not one that somebody has started under its name since.
 *
 * @returns false if somebody had removed it already
 */
export function releaseLab(name: string, starter: ProcessIdentity, onNotice?: Notice): Promise<boolean> {
  return withLabsLock(async () => {
    const spec = readJson(labFiles(name).spec) as LabSpec | undefined
    if (spec === undefined || spec.starter === starter) await removeAll(name, onNotice)
    return spec?.starter === starter
  })
}

/** Removes whatever there is of a lab, running or not. @returns false if there was nothing */
export function clearLab(name: string, onNotice?: Notice): Promise<boolean> {
  return withLabsLock(async () => {
    const cgroup = join(cgroupRoot(), labCgroup(name))
    const found = existsSync(labDir(name)) || existsSync(cgroup) || labNamespaces(name).length > 0
    await removeAll(name, onNotice)
    return found
  })
}

/** Gets what became of Nodes that a lab had registered with another API server. */
type Notice = (text: string) => void

async function removeAll(name: string, onNotice?: Notice): Promise<void> {
  await removeLab(name, onNotice)
  await restoreSurroundings()
}

function writeFolder(spec: LabSpec): void {
  const files = labFiles(spec.name)
  prepareSurroundings()
  checkFreeSpace()
  mkdirSync(files.dir, { mode: 0o700 })
  writeJson(files.spec, spec)
  mkdirSync(files.logs)
  createCgroup(labCgroup(spec.name))
}

/** The API's log and those of the processes, with room for a day of trying things out. */
const leastFreeMiB = 50

function checkFreeSpace(): void {
  const { bavail, bsize } = statfsSync(labsRoot)
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20)
  if (freeMiB >= leastFreeMiB) return
  throw new WeftError(`a lab needs ${leastFreeMiB} MiB for its files; ${freeMiB} MiB are free`, {
    code: 'LAB_DISK_FULL',
    fault: 'user',
    where: labsRoot,
    remedy: remedies['ENOSPC'] ?? '',
    exitCode: 1,
  })
}

function checkNotRunning(name: string): void {
  if (!isLabRunning(name)) return
  throw new WeftError(`a lab named "${name}" is running`, {
    code: 'LAB_RUNNING',
    fault: 'user',
    where: '--name',
    remedy: `end it with 'weft lab down --name ${name}', or choose another --name`,
  })
}

const remedies: Record<string, string> = {
  ENOSPC: 'make room on the file system that holds /var/lib/weft',
  EDQUOT: 'make room on the file system that holds /var/lib/weft',
  EROFS: 'mount this file system writable; in a container: run it privileged',
}

function unwritable(cause: unknown): unknown {
  const { code, path } = cause as NodeJS.ErrnoException
  if (cause instanceof WeftError || code === undefined) return cause
  return new WeftError('the files or the cgroup of the lab cannot be made', {
    code: 'LAB_FOLDER_UNWRITABLE',
    fault: 'user',
    where: path ?? '/var/lib/weft',
    remedy: remedies[code] ?? 'look at what the system says above',
    exitCode: 1,
    cause,
  })
}
