import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupRoot } from '../../kernel/cgroup.ts'
import { WeftError } from '../../model/error.ts'
import { cgroupMount, joinCommand } from './runtime.ts'

/** The process that keeps a node's mount, UTS and cgroup namespaces alive; it does nothing else. */
export interface Holder {
  pid: number
  process: ChildProcess
}

/**
 * Set-up of a node's file system. All mounts are private to its namespace and go with it, and what the node writes in these places goes to memory:
 *
 * - /run of its own (pods' namespaces, the agent's socket), so that nodes do not see each other's. /run/netns must be a shared mount for
 *   `ip netns add` to publish a namespace in it.
 * - /etc, /var/lib and /var/log are the host's with a layer above them, so that what is missing there can be made without touching the host. What other
 *   software on the host may keep there (a K3s of its own) is covered. Files that containers have bound into /etc are read before.
 * - /var/lib/weft stays the host's: the lab's own files are in it, and they change.
 * - /sys shows the node's devices and its own cgroup as the root of the hierarchy.
 * - /run/weft/skeleton is what every pod's root begins with: the devices that a container has (OCI runtime specification, "Default Devices").
 */
const setup = `set -e
hostname "$1"
resolv=$(cat /etc/resolv.conf 2>/dev/null || true)
hosts=$(cat /etc/hosts 2>/dev/null || true)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/weft/lab /run/flannel
mount --bind /run/netns /run/netns
mount --make-shared /run/netns
if [ -d /var/lib/weft ]; then mount --rbind /var/lib/weft /run/weft/lab; fi
for dir in /etc /var/lib /var/log; do
  own=/run/weft/own$dir
  mkdir -p "$own/upper" "$own/work"
  mount -t overlay -o "lowerdir=$dir,upperdir=$own/upper,workdir=$own/work" overlay "$dir"
done
if [ -d /var/lib/weft ]; then mount --rbind /run/weft/lab /var/lib/weft; umount -R -l /run/weft/lab; fi
rmdir /run/weft/lab
for dir in /etc/cni /etc/rancher /var/lib/cni /var/lib/rancher /var/lib/kubelet /var/log/pods /var/log/containers; do
  mkdir -p "$dir"
  mount -t tmpfs -o mode=755 tmpfs "$dir"
done
mkdir -p /etc/cni/net.d /var/lib/kubelet/pods /var/lib/kubelet/plugins /var/lib/kubelet/plugins_registry
rm -f /etc/resolv.conf /etc/hosts
printf '%s\\n' "$resolv" > /etc/resolv.conf
printf '%s\\n' "$hosts" > /etc/hosts
umount -R -l /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 ${cgroupMount}
dev=/run/weft/skeleton/dev
mkdir -p $dev /run/weft/skeleton/run /run/weft/skeleton/tmp
mknod -m 666 $dev/null c 1 3
mknod -m 666 $dev/zero c 1 5
mknod -m 666 $dev/full c 1 7
mknod -m 666 $dev/random c 1 8
mknod -m 666 $dev/urandom c 1 9
mknod -m 666 $dev/tty c 5 0
mkdir -p $dev/pts $dev/shm
chmod 1777 $dev/shm /run/weft/skeleton/tmp
ln -s pts/ptmx $dev/ptmx
ln -s /proc/self/fd $dev/fd
ln -s /proc/self/fd/0 $dev/stdin
ln -s /proc/self/fd/1 $dev/stdout
ln -s /proc/self/fd/2 $dev/stderr
echo ready
exec sleep infinity`

/**
 * Starts a node's holder in its network namespace. Every program here replaces itself by the next (exec), so the process
 * that is started is the one that stays.
 *
 * @param netns path of the node's network namespace
 * @param cgroupDir directory of the cgroup that becomes the root of the node's; absent: the one that this process is in
 * @throws WeftError LAB_NODE_FAILED with what the programs said
 */
export async function startHolder(nodeName: string, netns: string, cgroupDir?: string): Promise<Holder> {
  const namespaces = ['unshare', '--mount', '--uts', '--cgroup', '--propagation', 'private']
  const inside = ['nsenter', `--net=${netns}`, ...namespaces, 'sh', '-c', setup, 'sh', nodeName]
  const [program = '', ...args] = [...(cgroupDir === undefined ? [] : joinCommand(cgroupDir)), ...inside]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
 * Command line that starts a program inside a node: its network, mount, UTS and cgroup namespaces, and its cgroup.
 *
 * @param command program and arguments; paths must be absolute, as the working directory becomes /
 */
export const inNode = (holderPid: number, command: string[]): string[] => [
  ...joinCgroupOf(holderPid),
  'nsenter',
  `--target=${holderPid}`,
  '--net',
  '--mount',
  '--uts',
  '--cgroup',
  ...command,
]

/** A cgroup namespace is entered before its cgroup only where the hierarchy is not mounted with nsdelegate; joining first works everywhere. */
function joinCgroupOf(holderPid: number): string[] {
  const path = cgroupPathOf(holderPid)
  return path === undefined || path === cgroupPathOf(process.pid) ? [] : joinCommand(join(cgroupRoot(), path))
}

/** Its path in the cgroup2 hierarchy: the line `0::` of proc_pid_cgroup(5). */
function cgroupPathOf(pid: number): string | undefined {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
