import { type CIDR, formatCIDR } from '../../model/ip.ts'
import type { Item, Part, Plan, Refusal, Subject } from '../../reconcile/types.ts'
import { chainSubject, familiesOf, type HostView, kernelSubject, sysctlSubject, wantedSysctls } from './view.ts'

export const sysctlKind = 'sysctl'
export const forwardKind = 'forward-accept'

const whoWrites = {
  sysctl:
    'look for it in /etc/sysctl.d, /run/sysctl.d and /usr/lib/sysctl.d, and ask what manages the network or containers of this host (systemd-networkd, NetworkManager, Docker) to leave it',
  firewall:
    "a firewall is loaded again and again, and does not keep the rules of others: let it accept the cluster's traffic itself (firewalld: firewall-cmd --permanent --zone=trusted --add-source=CIDR)",
}

/** Settings of the kernel and the rules that let the cluster's traffic through other people's firewalls. A subject is one setting or one chain. */
export const hostPart = (view: HostView): Part => ({
  name: 'proxy/host',
  kinds: {
    [sysctlKind]: { stage: 0, whoWrites: whoWrites.sysctl },
    [forwardKind]: { stage: 1, whoWrites: whoWrites.firewall },
  },
  plan: (subject) => planHost(view, subject),
  learn: () => [],
  ownerOf: ({ kind, key }) => (kind === sysctlKind ? sysctlSubject(key) : chainSubject(key)),
})

export function* hostSubjects(view: HostView): Generator<Subject> {
  yield kernelSubject
  for (const key of wantedSysctls(view).keys()) yield sysctlSubject(key)
  for (const id of view.chains.keys()) yield chainSubject(id)
}

function planHost(view: HostView, subject: Subject): Plan {
  if (subject === kernelSubject) {
    return { items: [], refusals: [...kernelFindings(view)], rank: { gone: false, createdMs: 0, name: subject } }
  }
  const space = subject.indexOf(' ')
  const key = subject.slice(space + 1)
  const item = subject.startsWith('sysctl ') ? sysctlItem(view, key) : forwardItem(view, key)
  return { items: item === undefined ? [] : [item], rank: { gone: item === undefined, createdMs: 0, name: subject } }
}

/**
 * The constant rules reject in prerouting (5.9), ask for the input interface in postrouting (5.7) and keep ranges in concatenations (5.6): net/netfilter/nft_reject_inet.c,
 * nft_meta.c, nft_set_pipapo.c.
 */
const oldestKernel = [5, 9] as const

function* kernelFindings({ kernelRelease, tracksConnections }: HostView): Generator<Omit<Refusal, 'subject'>> {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number)
  if (major < oldestKernel[0] || (major === oldestKernel[0] && minor < oldestKernel[1])) {
    const message = `Linux ${kernelRelease} is older than ${oldestKernel.join('.')}, which the rules of Services need`
    yield { reason: 'KernelTooOld', message }
  }
  if (!tracksConnections) {
    const message = 'the kernel does not track connections: load the module nf_conntrack (modprobe nf_conntrack)'
    yield { reason: 'ConntrackMissing', message }
  }
}

function sysctlItem(view: HostView, key: string): Item | undefined {
  const value = wantedSysctls(view).get(key)
  return value === undefined ? undefined : { kind: sysctlKind, key, value }
}

/** Only where the chain drops: elsewhere the traffic passes without our help. */
function forwardItem(view: HostView, key: string): Item | undefined {
  if (view.chains.get(key)?.drops !== true) return undefined
  return { kind: forwardKind, key, value: acceptsText(view.clusterCIDRs, familiesOf(key)) }
}

/**
 * What is let through: translated connections both ways, and what comes from pods or goes to them. One word a rule, also as the rule's comment: `dnat`,
 * `from=10.42.0.0/16`, `to=10.42.0.0/16`.
 */
export function acceptsText(cidrs: readonly CIDR[], families: readonly string[]): string {
  const own = cidrs.filter(({ family }) => families.includes(family)).map(formatCIDR)
  return ['dnat', ...own.flatMap((cidr) => [`from=${cidr}`, `to=${cidr}`])].toSorted().join(' ')
}
