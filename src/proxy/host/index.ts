import { networkInterfaces, release } from 'node:os'
import { isNotFound } from '../../kernel/errors.ts'
import { type NetworkNamespace, runIn } from '../../kernel/network-namespace.ts'
import { readSysctl } from '../../kernel/sysctl.ts'
import type { CIDR } from '../../model/ip.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import type { Change, Subject } from '../../reconcile/types.ts'
import type { FamilyList } from '../families.ts'
import { HostTarget } from './apply.ts'
import type { FoundChain } from './firewall.ts'
import { hostPart, hostSubjects } from './plan.ts'
import { chainSubject, type FirewallChain, type HostView, sysctlSubject, wantedSysctls } from './view.ts'

export interface ProxyHostOptions {
  families: FamilyList
  clusterCIDRs: readonly CIDR[]
  /** Further settings that flags ask for, by slashed name, e.g. `net/netfilter/nf_conntrack_max`. */
  sysctls?: ReadonlyMap<string, string>
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  log?: NonNullable<ReconcilerOptions['log']>
  /** Milliseconds since the epoch. */
  now?: () => number
  /** From 0 to 1, for the jitter of what is put off; Math.random if absent. */
  random?: () => number
}

/** The part, put together: what Services need of the host, set where possible, else told as a failure with its remedy; and watched. */
export interface ProxyHost {
  reconciler: Reconciler
  start(): Promise<void>
  dryRun(): Promise<Change[]>
  /** Chains are found when the ruleset is looked at; all else that may come is a family. */
  follow(touch: (subjects: Iterable<Subject>) => void): () => void
}

export function proxyHost(options: ProxyHostOptions): ProxyHost {
  const { families, clusterCIDRs, sysctls = new Map<string, string>(), namespace, log, now, random } = options
  const chains = new Map<string, FirewallChain>()
  const view: HostView = {
    families: families.served,
    clusterCIDRs,
    interfaces: interfacesWithAddresses(namespace),
    chains,
    kernelRelease: release(),
    tracksConnections: tracksConnections(namespace),
    extraSysctls: sysctls,
  }
  const onChains = (found: readonly FoundChain[]): void => {
    const ids = [...chains.keys(), ...found.map(({ id }) => id)]
    chains.clear()
    for (const { id, drops } of found) chains.set(id, { drops })
    view.interfaces = interfacesWithAddresses(namespace)
    reconciler.touch([...ids.map(chainSubject), ...[...wantedSysctls(view).keys()].map(sysctlSubject)])
  }
  const target = new HostTarget({
    sysctls: () => wantedSysctls(view),
    onChains,
    ...(namespace !== undefined && { namespace }),
  })
  const reconciler = new Reconciler({
    part: hostPart(view),
    target,
    ...(log !== undefined && { log }),
    ...(now !== undefined && { now }),
    ...(random !== undefined && { random }),
  })
  return {
    reconciler,
    start: () => reconciler.start(hostSubjects(view)),
    dryRun: async () => {
      target.look()
      await reconciler.plan(hostSubjects(view), 'dry-run')
      return reconciler.changes()
    },
    follow: (touch) =>
      families.onAdded(() => {
        view.families = families.served
        touch(hostSubjects(view))
      }),
  }
}

/** Not the pods' ends of veth pairs, which have none. */
const interfacesWithAddresses = (ns: NetworkNamespace | undefined): string[] =>
  runIn(ns, () => Object.entries(networkInterfaces()))
    .filter(([, addresses]) => addresses?.some(({ internal, family }) => !internal && family === 'IPv4'))
    .map(([name]) => name)

/** The key is there as soon as the module is. */
function tracksConnections(ns: NetworkNamespace | undefined): boolean {
  try {
    readSysctl(ns, 'net/netfilter/nf_conntrack_max')
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
