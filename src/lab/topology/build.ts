import { existsSync } from 'node:fs'
import { ipBatch } from '../../kernel/ip.ts'
import { createNetns } from '../../kernel/namespaces.ts'
import { writeSysctl } from '../../kernel/sysctl.ts'
import { WeftError } from '../../model/error.ts'
import { addressBatches, type Batch, linkBatches } from './links.ts'
import { namespacesOf, type TopologyPlan } from './plan.ts'
import { sysctlsOf } from './sysctls.ts'

/**
 * Makes the namespaces, links, addresses and routes of a lab. The host's own namespace is not touched. What a failure
 * leaves is removed by `removeLab`.
 *
 * @throws WeftError LAB_BRIDGE_NETFILTER_MISSING before anything is made; KernelError or COMMAND_FAILED from the kernel
 */
export async function buildTopology(plan: TopologyPlan): Promise<void> {
  checkBridgeNetfilter()
  await inParallel(namespacesOf(plan), createNetns)
  for (const { netns, key, value } of sysctlsOf(plan)) writeSysctl(netns, key, value)
  await runBatches(linkBatches(plan))
  await runBatches(addressBatches(plan))
}

const runBatches = (batches: Batch[]): Promise<void> =>
  inParallel(batches, ({ netns, lines }) => ipBatch(lines, { netns }))

async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  await Promise.all(items.map(work))
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
