import { existsSync, readFileSync } from 'node:fs'
import { cgroupRoot } from '../kernel/cgroup.ts'
import { generation } from '../kernel/nftables/ruleset.ts'
import { WeftError } from '../model/error.ts'
import { checkOverlay } from './overlay.ts'

/**
 * Checks, before anything is made, what a lab wants of the kernel and of the place it runs in.
 *
 * @throws WeftError LAB_CAPABILITY_MISSING (exit code 5), LAB_OVERLAY_MISSING, CGROUP2_MISSING, LAB_NFTABLES_MISSING, LAB_BRIDGE_NETFILTER_MISSING,
 * LAB_OPEN_FILES_LIMIT, LAB_MEMORY_SHORT
 */
export function checkMachine(nodes: number): void {
  checkCapabilities(readFileSync('/proc/self/status', 'utf8'))
  checkOverlay()
  cgroupRoot()
  checkNfTables(generation)
  checkBridgeNetfilter()
  checkOpenFiles(readFileSync('/proc/self/limits', 'utf8'))
  checkMemory(readFileSync('/proc/meminfo', 'utf8'), nodes)
}

/** Bits of linux/capability.h. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 }

/** @param status text of /proc/self/status */
export function checkCapabilities(status: string): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? 'f'.repeat(16)}`)
  const missing = Object.entries(capabilities).filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n)
  if (missing.length === 0) return
  throw new WeftError(`this root may not make namespaces and mounts: ${missing.map(([name]) => name).join(', ')}`, {
    code: 'LAB_CAPABILITY_MISSING',
    fault: 'user',
    where: 'capabilities',
    remedy: 'in a container: run it privileged, e.g. docker run --privileged',
    exitCode: 5,
  })
}

/** @param ask fails where the kernel knows no nf_tables; the module is loaded by asking, if it is there */
export function checkNfTables(ask: () => unknown): void {
  try {
    ask()
  } catch (cause) {
    throw new WeftError('this kernel has no nf_tables, in which agents write Services', {
      code: 'LAB_NFTABLES_MISSING',
      fault: 'user',
      remedy:
        'modprobe nf_tables; if there is no such module, use a kernel with CONFIG_NF_TABLES, as distributions have it',
      cause,
    })
  }
}

/** Every new namespace has these sysctls once the module is loaded (net/bridge/br_netfilter_hooks.c). */
function checkBridgeNetfilter(): void {
  if (existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables')) return
  throw new WeftError(
    'the kernel module br_netfilter is not loaded, so Services between pods of one node would not work',
    {
      code: 'LAB_BRIDGE_NETFILTER_MISSING',
      fault: 'user',
      remedy: 'modprobe br_netfilter',
    },
  )
}

const leastOpenFiles = 256

/** @param limits text of /proc/self/limits; Node has raised its own limit to the hard one */
export function checkOpenFiles(limits: string): void {
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  if (limit === undefined || Number(limit) >= leastOpenFiles) return
  throw new WeftError(`a process may open ${limit} files here, which is too few`, {
    code: 'LAB_OPEN_FILES_LIMIT',
    fault: 'user',
    where: 'ulimit -n',
    remedy: 'raise the limit: ulimit -n 4096',
    exitCode: 1,
  })
}

/** A little more than what was measured (proportional set size): the supervisor with the API and the controller; kubelet and agent of a node with ten pods. */
const memoryMiB = { control: 150, node: 75 }

/**
 * @param meminfo text of /proc/meminfo, in KiB
 * @param limitBytes what the cgroup of this process may have at most, as a container's; 0 where that is not known
 */
export function checkMemory(meminfo: string, nodes: number, limitBytes = process.constrainedMemory()): void {
  const mebibytes = (field: string) => Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) >> 10
  const allowed = limitBytes > 0 ? Math.floor(limitBytes / 2 ** 20) : Infinity
  const free = Math.min(mebibytes('MemAvailable') + mebibytes('SwapFree'), allowed)
  const wanted = memoryMiB.control + nodes * memoryMiB.node
  if (free >= wanted) return
  const fitting = Math.floor((free - memoryMiB.control) / memoryMiB.node)
  const fewer = fitting > 0 ? ` or start with --nodes ${fitting}` : ''
  throw new WeftError(
    `a lab with ${nodes} nodes needs about ${wanted} MiB of memory; ${free} MiB are ${free === allowed ? 'allowed here' : 'free'}`,
    {
      code: 'LAB_MEMORY_SHORT',
      fault: 'user',
      where: '--nodes',
      remedy: `${free === allowed ? 'raise the limit of this container or cgroup' : 'free some memory'}${fewer}`,
      exitCode: 1,
    },
  )
}
