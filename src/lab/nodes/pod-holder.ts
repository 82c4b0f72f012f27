import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createCgroup, killCgroup } from '../../kernel/cgroup.ts'
import { WeftError } from '../../model/error.ts'
import { isRunning, processIdentity } from '../process-identity.ts'
import { cgroupMount, joinCommand, type PodRecord, podCgroup, podRecordFile, podStateDir } from './runtime.ts'
import type { PodMount } from './volumes/mounts.ts'

/** What a pod's own namespaces hold. */
export interface PodHolderSpec {
  podUid: string
  /** Path of the network namespace; absent: the node's. */
  netnsPath: string | undefined
  /** Absent: the node's. */
  hostname: string | undefined
  /** Its programs see the processes of the machine, instead of those of the pod alone. */
  hostPID: boolean
  mounts: readonly PodMount[]
  /** Working directories of containers: made where they are missing, as container runtimes do. */
  directories: readonly string[]
  /** Files of the pod's own, by their path in it. */
  files: Readonly<Record<string, string>>
}

const rootDir = (podUid: string): string => join(podStateDir(podUid), 'root')

/** Where what the pod writes into its root lies, in the node's view. */
export const podUpperDir = (podUid: string): string => join(rootDir(podUid), 'upper')

/**
 * Starts the process that holds a pod's mount, UTS, cgroup and PID namespaces; in the last one it is the first, with which all others end, and reaps orphans. The pod's root is the node's with a layer of its own above it, in memory: its
 * programs find what the host has, and change nothing of it. It outlives the kubelet and ends with the pod's cgroup.
 *
 * @throws WeftError LAB_POD_FAILED with what the programs said
 */
export async function startPodHolder(spec: PodHolderSpec): Promise<number> {
  const { podUid } = spec
  await stopPod(podUid)
  createCgroup(podCgroup(podUid))
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(rootDir(podUid), name), { recursive: true })
  writePodFiles(podUid, spec.files)
  const pid = await startHeld(spec)
  const record: PodRecord = { holder: processIdentity(pid) ?? '' }
  writeFileSync(podRecordFile(podUid), JSON.stringify(record))
  return pid
}

/** Writes files of a pod's root; those that are there keep their identity, so that it works while the pod runs. */
export function writePodFiles(podUid: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(podUpperDir(podUid), path)
    mkdirSync(dirname(file), { recursive: true })
    if (readText(file) !== text) writeFileSync(file, text)
  }
}

/** The holder that an earlier kubelet started. @returns undefined if it does not run */
export function runningPodHolder(podUid: string): number | undefined {
  const text = readText(podRecordFile(podUid))
  if (text === undefined) return undefined
  const { holder } = JSON.parse(text) as PodRecord
  return isRunning(holder) ? Number.parseInt(holder, 10) : undefined
}

/** Ends all that runs in a pod. */
export async function stopPod(podUid: string): Promise<void> {
  await killCgroup(podCgroup(podUid))
  rmSync(rootDir(podUid), { recursive: true, force: true })
  rmSync(podRecordFile(podUid), { force: true })
}

function startHeld(spec: PodHolderSpec): Promise<number> {
  const joining = joinCommand(join(cgroupMount, podCgroup(spec.podUid)))
  const network = spec.netnsPath === undefined ? [] : ['nsenter', `--net=${spec.netnsPath}`]
  const namespaces = ['unshare', '--mount', '--uts', '--cgroup', '--propagation', 'private']
  const first = spec.hostPID ? [] : ['--pid', '--fork']
  const [program, ...args] = [...joining, ...network, ...namespaces, ...first, 'sh', '-c', script(spec)]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  return new Promise((resolve, reject) => {
    let words = ''
    child.stderr.on('data', (data: Buffer) => (words += data.toString()))
    child.once('error', (cause) => reject(failed(spec.podUid, cause.message)))
    child.once('close', (code) => reject(failed(spec.podUid, words.trim() || `exit code ${code}`)))
    child.stdout.once('data', (ready: Buffer) => {
      const pid = Number(ready.toString())
      // Held open, the pipes would bind it to this process.
      child.stdout.destroy()
      child.stderr.destroy()
      // The one that made the PID namespace only waits.
      if (pid !== child.pid) child.kill('SIGKILL')
      child.unref()
      resolve(pid)
    })
  })
}

/** Sources are reached through the old root until everything is mounted. */
function script({ podUid, hostname, hostPID, mounts, directories }: PodHolderSpec): string {
  const dir = rootDir(podUid)
  const root = join(dir, 'merged')
  const layers = `lowerdir=/,upperdir=${dir}/upper,workdir=${dir}/work`
  const lines = [
    'set -e',
    // Its number outside, as this /proc is still the node's.
    'read -r pid rest < /proc/self/stat',
    ...(hostname === undefined ? [] : [`hostname ${quote(hostname)}`]),
    `cp -a /run/weft/skeleton/. ${dir}/upper`,
    `mount -t overlay -o ${quote(layers)} overlay ${root}`,
    ...separateMounts().map((path, i) => separateMount(path, join(dir, `separate${i}`), root)),
    hostPID ? `mount --rbind /proc ${root}/proc` : `mount -t proc proc ${root}/proc`,
    `mount -t tmpfs -o mode=755 tmpfs ${root}/run`,
    `mount -t sysfs sysfs ${root}/sys`,
    `mount -t cgroup2 cgroup2 ${root}${cgroupMount}`,
    `mount --rbind /dev/pts ${root}/dev/pts`,
    `cd ${root}`,
    'mkdir -p .weft-old',
    'pivot_root . .weft-old',
    ...mounts.map(mountLine),
    // Only now: a mount may have its mount point inside of one that nobody may write to.
    ...mounts.filter(({ readOnly }) => readOnly).map(({ target }) => `mount -o remount,bind,ro ${quote(target)}`),
    ...directories.map((path) => `mkdir -p ${quote(path)}`),
    'umount -l /.weft-old',
    'rmdir /.weft-old',
    'echo "$pid"',
    `exec sh -c ${quote(rest)} > /dev/null 2>&1`,
  ]
  return lines.join('\n')
}

function mountLine({ source, target, isFile }: PodMount): string {
  const [from, to] = [quote(`/.weft-old${source}`), quote(target)]
  const point = isFile ? `mkdir -p ${quote(dirname(target))}; [ -e ${to} ] || : > ${to}` : `mkdir -p ${to}`
  return `${point}; mount --rbind ${from} ${to}`
}

/** Waits and reaps. A program of the pod may end all processes that it sees, but for the first one of its PID namespace. */
const rest = 'while :; do sleep 2147483647 & wait; done'

/** A file system of the host that is mounted below its root gets a layer too. */
const separateMount = (path: string, dir: string, root: string): string =>
  [
    `mkdir -p ${dir}/upper ${dir}/work`,
    `mount -t overlay -o ${quote(`lowerdir=${path},upperdir=${dir}/upper,workdir=${dir}/work`)} overlay ${quote(root + path)}`,
  ].join('; ')

/** On disks, and directories (containers have single files mounted); not below what a pod has for itself. */
function separateMounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const paths = lines.flatMap((line) => {
    const [mount = '', filesystem = ''] = line.split(' - ')
    const path = mount.split(' ')[4] ?? ''
    return /^(ext[234]|xfs|btrfs|f2fs|zfs) /.test(filesystem) && isProgramsPath(path) ? [path] : []
  })
  return [...new Set(paths)]
}

/** What a pod's root is made of: the mounts that are no volumes, and into which its programs may write. */
export const rootMounts = (): string[] => ['/', '/run', ...separateMounts()]

/** Places where programs lie. Others (data, containers' layers, packages of snapd) would cost a mount each in every pod, and nobody misses them there. */
const isProgramsPath = (path: string): boolean => /^\/(usr|opt|home|root|srv|nix)(\/local|\/share|\/lib)?$/.test(path)

/** A word for the shell. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

const failed = (podUid: string, reason: string): WeftError =>
  new WeftError(`the namespaces of the pod could not be made: ${reason}`, {
    code: 'LAB_POD_FAILED',
    fault: 'kernel',
    where: podUid,
    remedy: 'look at the mounts of its volumes',
  })
