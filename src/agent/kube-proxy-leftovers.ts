import { isNotFound } from '../kernel/errors.ts'
import { bundledWithK3s, runInstalled } from '../kernel/installed.ts'
import { type IptablesTable, restoreTable, saveTable } from '../kernel/iptables-save.ts'
import { listeningPorts } from '../kernel/listeners.ts'
import { tableNames } from '../kernel/names.ts'
import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { deleteTable, listTables } from '../kernel/nftables/ruleset.ts'
import { textOf } from '../kernel/read-if-there.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { WeftError } from '../model/error.ts'
import { tablesInUse } from '../proxy/host/firewall.ts'
import { kubeProxyRemoval } from './kube-proxy-chains.ts'

/** Table of its nftables mode, one a family. */
const kubeProxyTable = 'kube-proxy'
/** Where its ipvs mode binds the addresses of Services. */
const ipvsDevice = 'kube-ipvs0'
/** Sets of its ipvs mode (pkg/proxy/ipvs/ipset.go); those of K3s' network policies are KUBE-SRC-… and KUBE-DST-…. */
const ownSet =
  /^KUBE-(6-)?(LOOP-BACK|CLUSTER-IP|LOAD-BALANCER(-LOCAL|-FW|-SOURCE-IP|-SOURCE-CIDR)?|EXTERNAL-IP(-LOCAL)?|NODE-PORT(-LOCAL)?-(TCP|UDP|SCTP-HASH)|HEALTH-CHECK-NODE-PORT|IPVS-IPS)$/

const families = ['ip', 'ip6'] as const
const xtables = ['mangle', 'filter', 'nat', 'raw']

export interface LeftoverOptions {
  /** Only says what is there. */
  dryRun?: boolean
  /** The process's own if absent. */
  namespace?: NetworkNamespace
}

/**
 * Removes from a network namespace what a kube-proxy that has ended has left there, in whatever mode it ran, and nothing else: its translations would go on leading
 * to endpoints that nobody follows any more. Returns what was there, in words; again is no error.
 *
 * @throws WeftError KUBE_PROXY_RUNS, SERVICES_NOT_SERVED, KUBE_PROXY_LEFTOVERS_STAY; KernelError
 */
export function removeKubeProxyLeftovers({ dryRun = false, namespace }: LeftoverOptions = {}): string[] {
  if (!dryRun) {
    if (namespace === undefined) checkGone()
    checkServed(namespace)
  }
  return [...removeTables(dryRun, namespace), ...removeChains(dryRun, namespace), ...removeIPVS(dryRun, namespace)]
}

/** Its usual ports, for metrics and health (K3s leaves them as they are), and whose process it is part of. */
function checkGone(): void {
  for (const command of ['k3s-server', 'k3s-agent', 'kube-proxy']) {
    const port = listeningPorts(command).find((one) => one === 10249 || one === 10256)
    if (port === undefined) continue
    throw new WeftError(`kube-proxy runs here: ${command} listens on port ${port}`, {
      code: 'KUBE_PROXY_RUNS',
      fault: 'user',
      remedy:
        "it would write it all anew; put 'disable-kube-proxy: true' into the servers' configuration and restart K3s, on the servers first and then here",
    })
  }
}

/** Without either, no Service would be reached from this node. */
function checkServed(namespace: NetworkNamespace | undefined): void {
  const ours: readonly string[] = tableNames
  if (families.some((family) => listTables(family, namespace).some(({ name }) => ours.includes(name)))) return
  throw new WeftError("there is no table of Weft's here: without kube-proxy's no Service would be reached", {
    code: 'SERVICES_NOT_SERVED',
    fault: 'user',
    remedy: "start the agent first, and see that 'weft status' says yes under SYNCED",
  })
}

function* removeTables(dryRun: boolean, namespace: NetworkNamespace | undefined): Generator<string> {
  for (const family of families) {
    const isThere = listTables(family, namespace).some(({ name }) => name === kubeProxyTable)
    if (isThere && (dryRun || deleteTable(family, kubeProxyTable, namespace))) yield `table ${family} ${kubeProxyTable}`
  }
}

/** Of the nf_tables flavour what is there as a table; the legacy one lists what is in use. */
function iptablesTables(namespace: NetworkNamespace | undefined): IptablesTable[] {
  return families.flatMap((family) => {
    const nft = listTables(family, namespace).map(({ name }) => ({ family, flavour: 'nft', name }) as const)
    const legacy = tablesInUse(family, namespace).map((name) => ({ family, flavour: 'legacy', name }) as const)
    return [...nft, ...legacy].filter(({ name }) => xtables.includes(name))
  })
}

function* removeChains(dryRun: boolean, namespace: NetworkNamespace | undefined): Generator<string> {
  for (const table of iptablesTables(namespace)) {
    const save = saveTable(table, namespace)
    if (save === undefined) throw noCommand(table)
    const removal = kubeProxyRemoval(save)
    if (removal === undefined) continue
    if (!dryRun) restoreTable(table, removal.lines, namespace)
    const name = `${table.flavour === 'legacy' ? 'legacy ' : ''}${table.family} ${table.name}`
    yield `table ${name}: chains of kube-proxy (${removal.chains}), and rules that led to them (${removal.jumps})`
  }
}

const noCommand = ({ family, flavour, name }: IptablesTable): WeftError =>
  new WeftError(`rules of iptables (${flavour}) cannot be read: there is no such command`, {
    code: 'KUBE_PROXY_LEFTOVERS_STAY',
    fault: 'user',
    where: `table ${family} ${name}`,
    remedy:
      'install the package iptables; what K3s brings along is looked for in /var/lib/rancher/k3s/data/current/bin/aux',
  })

/** Chains that ask the sets are gone by now. */
function* removeIPVS(dryRun: boolean, namespace: NetworkNamespace | undefined): Generator<string> {
  const net = new KernelRouteNetlink(namespace)
  const device = net.links().some(({ name }) => name === ipvsDevice)
  if (device && !dryRun) {
    const [failure] = net.apply([{ object: 'link', op: 'delete', value: { name: ipvsDevice } }])
    if (failure !== undefined && !isNotFound(failure.error)) throw failure.error
  }
  if (device) yield `link ${ipvsDevice} with its addresses`
  const sets = ownSets(namespace)
  if (!dryRun) for (const name of sets) ipset(['destroy', name], namespace)
  if (sets.length > 0) yield `sets of ipset (${sets.length}): ${sets.join(', ')}`
}

const ipset = (args: readonly string[], ns: NetworkNamespace | undefined): string | undefined =>
  runInstalled(['ipset'], args, { timeoutMs: 10_000, alsoIn: bundledWithK3s, ns })

const ownSets = (namespace: NetworkNamespace | undefined): string[] =>
  (ipset(['list', '-n'], namespace) ?? '').split('\n').filter((name) => ownSet.test(name))

/** Virtual servers that are left, whose ever they are: ours there are none of. */
export function virtualServers(namespace?: NetworkNamespace): number {
  const read = (): string => textOf('/proc/thread-self/net/ip_vs')
  const text = namespace === undefined ? read() : namespace.run(read)
  return text.split('\n').filter((line) => /^(TCP|UDP|SCTP|FWM) /.test(line)).length
}
