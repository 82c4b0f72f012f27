import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../../kernel/read-if-there.ts'
import { readJson } from '../files.ts'
import { isRunning, type ProcessIdentity } from '../process-identity.ts'
import type { ContainerView } from './containers/view.ts'

/**
 * Where the kubelet stand-in keeps what runs on its node, and how to enter it. All of it lies in the node's own /run and /var/log; another
 * process reads it through `/proc/<holder of the node>/root`.
 */

/** Where the cgroup2 hierarchy is mounted in nodes and pods, whatever the host has; its root is the node's group, or the pod's. */
export const cgroupMount = '/sys/fs/cgroup'

/** Path of a pod's cgroup below the node's; its containers' are below it. */
export const podCgroup = (podUid: string): string => `pods/${podUid}`

export const containerCgroup = (podUid: string, container: string): string => `${podCgroup(podUid)}/${container}`

const podsDirectory = '/run/weft/pods'

/** What the node remembers of a pod, gone with it. */
export const podStateDir = (podUid: string): string => join(podsDirectory, podUid)

/** What enters a pod; kept across restarts of the kubelet. */
export interface PodRecord {
  /** The process that holds the pod's mount, UTS, cgroup and PID namespace, in its network namespace. */
  holder: ProcessIdentity
}

/** What enters a container and tells how it is; kept across restarts of the kubelet. */
export interface ContainerRecord {
  /** How often it was started again: the N of its log's name and of status.restartCount. */
  restart: number
  /** Its whole environment, with that of its image (there is none but PATH). */
  env: Record<string, string>
  /** Working directory inside of the pod. */
  cwd: string
  /** Command that runs the one behind it as the container's `securityContext` says; absent: as it is. */
  identity?: string[]
  /** Program and arguments, for a container that runs one (image `host`). */
  command?: string[]
  /** How it is, as the pod's status says. */
  view: ContainerView
}

export const podRecordFile = (podUid: string): string => join(podStateDir(podUid), 'pod.json')

export const containerRecordFile = (podUid: string, container: string): string =>
  join(podStateDir(podUid), 'containers', `${container}.json`)

/** The names by which a pod's logs are found. */
export interface PodNames {
  metadata: { namespace: string; name: string; uid: string }
}

/** Uids of the pods of which the node remembers something. */
export const listPodStates = (): string[] => namesIn(podsDirectory)

const logsDirectory = '/var/log/pods'

/** Logs of all containers of a pod, where a kubelet has them (`/var/log/pods/NAMESPACE_NAME_UID`). */
const podLogDir = ({ metadata: { namespace, name, uid } }: PodNames): string =>
  `${logsDirectory}/${namespace}_${name}_${uid}`

export function removePodLogs(podUid: string): void {
  for (const name of namesIn(logsDirectory))
    if (name.endsWith(`_${podUid}`)) rmSync(join(logsDirectory, name), { recursive: true, force: true })
}

/**
 * The log of one run of a container, in the CRI's format: `2026-01-31T10:00:00.123456789Z stdout F text`. When it has grown to
 * `logRotateBytes` it becomes `N.log.1`, in place of the one before.
 *
 * @param restart 0 for the first run
 */
export const containerLogPath = (pod: PodNames, container: string, restart: number): string =>
  join(podLogDir(pod), container, `${restart}.log`)

/** Size at which a log file is set aside. A node's logs are in memory. */
export const logRotateBytes = 1024 * 1024

/** How to start another program in a container. */
export interface ContainerPlace extends Omit<ContainerRecord, 'view'> {
  /** Process whose network, mount, UTS, cgroup and PID namespaces are the container's. */
  pid: number
  /** Directory of the container's cgroup in the node's view: a process that joins it ends with the container. */
  cgroupDir: string
  /**
   * Command line, to be started in the node with `env` as its environment, that runs the program inside: it joins the cgroup and enters the namespaces and the working directory
   * (`enterCommand`).
   */
  enter(command: readonly string[]): string[]
}

/**
 * Describes a container of a pod that runs on this node.
 *
 * @param root the node's root as this process sees it, `/proc/<holder>/root` from outside; then nothing joins the cgroup
 * @returns undefined if there is no such pod or container here, or it is not running
 */
export function enterContainer(podUid: string, container: string, root = ''): ContainerPlace | undefined {
  const pod = readJson(root + podRecordFile(podUid)) as PodRecord | undefined
  const record = readJson(root + containerRecordFile(podUid, container)) as ContainerRecord | undefined
  if (pod === undefined || record === undefined) return undefined
  if (!isRunning(pod.holder) || !('running' in record.view.state)) return undefined
  const pid = Number.parseInt(pod.holder, 10)
  const cgroupDir = join(cgroupMount, containerCgroup(podUid, container))
  const joining = root === '' ? joinCommand(cgroupDir) : []
  const { identity = [] } = record
  const enter = (command: readonly string[]): string[] => [
    ...joining,
    ...enterCommand(pid, record.cwd, [...identity, ...command]),
  ]
  return { ...record, pid, cgroupDir, enter }
}

/** Makes the program that follows a member of a cgroup. Absolute paths: the environment may be a container's. */
export const joinCommand = (cgroupDir: string): string[] => [
  '/bin/sh',
  '-c',
  'echo $$ > "$0/cgroup.procs" && exec "$@"',
  cgroupDir,
]

/**
 * Starts a program in a pod's namespaces; it is sought by the PATH of its own environment. A process enters a PID namespace only by being born in it: the program is the only child
 * of the one that is started here (`programIn`), which waits for it, ends as it ends, and takes it along when it is killed.
 */
export const enterCommand = (pid: number, cwd: string, command: readonly string[]): string[] => [
  nsenterPath,
  `--target=${pid}`,
  '--net',
  '--mount',
  '--uts',
  '--cgroup',
  '--pid',
  setprivPath,
  '--pdeathsig=KILL',
  '/bin/sh',
  '-c',
  'cd "$0" && exec "$@"',
  cwd,
  ...command,
]

/** The program that `enterCommand` started, as it has been told to be. @returns undefined while there is none, or any more */
export function programIn(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    return Number(child) || undefined
  } catch {
    return undefined
  }
}

const nsenterPath = '/usr/bin/nsenter'
export const setprivPath = '/usr/bin/setpriv'
