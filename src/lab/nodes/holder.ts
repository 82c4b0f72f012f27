import { type ChildProcess, spawn } from 'node:child_process'
import { WeftError } from '../../model/error.ts'

/** The process that keeps a node's mount and UTS namespaces alive; it does nothing else. */
export interface Holder {
  pid: number
  process: ChildProcess
}

/**
 * Set-up of a node's file system: a /run of its own (pods' namespaces, agent's socket, CNI's state), so that nodes do not
 * see each other's. /run/netns must be a shared mount for `ip netns add` to publish a namespace in it.
 */
const setup = `set -e
hostname "$1"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/weft
mount --bind /run/netns /run/netns
mount --make-shared /run/netns
echo ready
exec sleep infinity`

/**
 * Starts a node's holder in its network namespace. Every program here replaces itself by the next (exec), so the process
 * that is started is the one that stays.
 *
 * @param netns path of the node's network namespace
 * @throws WeftError LAB_NODE_FAILED with what the programs said
 */
export async function startHolder(nodeName: string, netns: string): Promise<Holder> {
  const inside = ['unshare', '--mount', '--uts', '--propagation', 'private', 'sh', '-c', setup, 'sh', nodeName]
  const child = spawn('nsenter', [`--net=${netns}`, ...inside], { stdio: ['ignore', 'pipe', 'pipe'] })
  await saysReady(child, nodeName)
  // Held open, the pipes would keep an otherwise finished supervisor alive.
  child.stdout?.destroy()
  child.stderr?.destroy()
  return { pid: child.pid as number, process: child }
}

function saysReady(child: ChildProcess, nodeName: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let words = ''
    child.stderr?.on('data', (data: Buffer) => (words += data.toString()))
    child.stdout?.once('data', () => resolve())
    child.once('error', (cause) => reject(failed(nodeName, cause.message, cause)))
    child.once('close', (code) => reject(failed(nodeName, words.trim() || `exit code ${code}`)))
  })
}

const failed = (nodeName: string, reason: string, cause?: unknown): WeftError =>
  new WeftError(`the namespaces of ${nodeName} could not be made: ${reason}`, {
    code: 'LAB_NODE_FAILED',
    fault: 'kernel',
    where: nodeName,
    remedy: 'a lab needs CAP_SYS_ADMIN; in a container, run it privileged',
    cause,
  })

/**
 * Command line that starts a program inside a node: its network, mount and UTS namespaces.
 *
 * @param command program and arguments; paths must be absolute, as the working directory becomes /
 */
export const inNode = (holderPid: number, command: string[]): string[] => [
  'nsenter',
  `--target=${holderPid}`,
  '--net',
  '--mount',
  '--uts',
  ...command,
]
