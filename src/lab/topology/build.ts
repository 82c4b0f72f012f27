import { existsSync } from 'node:fs'
import { ipBatch } from '../../kernel/ip.ts'
import { createNetns, NetworkNamespace } from '../../kernel/namespaces.ts'
import { runNft } from '../../kernel/nftables/ruleset.ts'
import { writeSysctl } from '../../kernel/sysctl.ts'
import { WeftError } from '../../model/error.ts'
import type { LabNode } from '../state.ts'
import { type Batch, linkBatches, linkSetups, podRoutes, setupBatches } from './links.ts'
import { namespacesOf, type TopologyPlan } from './plan.ts'
import { sysctlsOf } from './sysctls.ts'

/**
 * Makes the namespaces, links, addresses and routes of a lab. The host's own namespace is not touched. What a failure
 * leaves is removed by `removeLab`.
 *
 * @throws WeftError LAB_IPV6_MISSING before anything is made; KernelError or COMMAND_FAILED from the kernel
 */
export async function buildTopology(plan: TopologyPlan): Promise<void> {
  const hasIPv6 = existsSync('/proc/sys/net/ipv6')
  if (plan.families.includes('IPv6') && !hasIPv6) throw noIPv6()
  await inParallel(namespacesOf(plan), createNetns)
  for (const { netns, key, value } of sysctlsOf(plan, hasIPv6)) writeSysctl(netns, key, value)
  await runBatches(linkBatches(plan))
  await runBatches(setupBatches(linkSetups(plan)))
  const router = NetworkNamespace.named(plan.router.netns)
  runNft(noDetours(plan), router)
  router.close()
}

/**
 * The router knows the way to all pods, for the API and for those outside. Were it to send packets of nodes and pods back to where they came from, nobody would
 * notice that a node has lost its own way to the pods of another.
 */
function noDetours({ api }: TopologyPlan): string {
  const accepts = api.addresses.map((address) => `${address.includes(':') ? 'ip6' : 'ip'} saddr ${address} accept`)
  return `table inet lab {
    chain forward {
      type filter hook forward priority filter
      ${accepts.join('\n')}
      iifname eth0 oifname eth0 reject with icmpx no-route
    }
  }`
}

/** Teaches the router the way to the pods of these nodes; done again it changes nothing. @throws KernelError */
export async function routePods(
  plan: TopologyPlan,
  nodes: readonly Pick<LabNode, 'addresses' | 'podCIDRs'>[],
): Promise<void> {
  await runBatches([podRoutes(plan, nodes)])
}

const runBatches = (batches: Batch[]): Promise<void> =>
  inParallel(batches, ({ netns, lines }) => ipBatch(lines, { netns }))

const atOnce = 8

/** A few at a time: a hundred processes of ip(8) at once only wait for each other. */
async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const noIPv6 = (): WeftError =>
  new WeftError('this kernel has no IPv6', {
    code: 'LAB_IPV6_MISSING',
    fault: 'user',
    where: '/proc/sys/net/ipv6',
    remedy: 'modprobe ipv6, boot without ipv6.disable=1, or start the lab without --ipv6 and --dual-stack',
  })
