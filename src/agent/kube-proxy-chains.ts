/**
 * Chains that kube-proxy makes, in all of its modes that use iptables (pkg/proxy/iptables, pkg/proxy/ipvs). KUBE-FIREWALL and the chains with KUBELET are kubelet's; KUBE-ROUTER-…,
 * KUBE-POD-FW-… and KUBE-NWPLCY-… are those of K3s' network policies.
 */
const ownChain =
  /^KUBE-(SERVICES|EXTERNAL-SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ|MARK-DROP|FORWARD|PROXY-FIREWALL|PROXY-CANARY|NODE-PORT|LOAD-BALANCER|SOURCE-RANGES-FIREWALL|IPVS-FILTER|IPVS-OUT-FILTER|(SVC|SVL|EXT|SEP|FW|XLB)-[A-Z2-7]{16})$/

/** What leads to the masquerade needs it. */
const goesWith: Readonly<Record<string, string>> = { 'KUBE-MARK-MASQ': 'KUBE-POSTROUTING' }

interface Rule {
  chain: string
  /** Where it jumps or goes to. */
  target: string
  line: string
}

/** How kube-proxy's chains leave a table. */
export interface Removal {
  /** For iptables-restore --noflush. */
  lines: string[]
  chains: number
  /** Rules of other chains that lead to them. */
  jumps: number
}

/**
 * What removes kube-proxy's chains from a table, and the rules that lead to them from the kernel's own chains; undefined: there are none. What a chain of somebody else's leads to
 * stays, as CNI's portmap plugin may be told to use KUBE-MARK-MASQ.
 *
 * @param save the table as `iptables-save` prints it
 */
export function kubeProxyRemoval(save: string): Removal | undefined {
  const lines = save.split('\n')
  const declared = lines.flatMap(
    (line) => (/^:(\S+) (\S+)/.exec(line)?.slice(1, 3) as [string, string] | undefined) ?? [],
  )
  const rules = lines.flatMap(ruleOf)
  const names = declared.filter((_, index) => index % 2 === 0)
  const builtIn = new Set(names.filter((_, index) => declared[index * 2 + 1] !== '-'))
  const kept = keptChains(rules, (chain) => !builtIn.has(chain) && !ownChain.test(chain))
  const gone = new Set(names.filter((name) => ownChain.test(name) && !kept.has(name)))
  if (gone.size === 0) return undefined
  const jumps = rules.filter(({ chain, target }) => gone.has(target) && !gone.has(chain))
  return {
    lines: [
      ...Array.from(gone, (name) => `:${name} - [0:0]`),
      ...jumps.map(({ line }) => line.replace(/^-A/, '-D')),
      ...Array.from(gone, (name) => `-X ${name}`),
    ],
    chains: gone.size,
    jumps: jumps.length,
  }
}

function ruleOf(line: string): Rule[] {
  const bare = line.replace(/"(?:[^"\\]|\\.)*"/g, '""')
  const [, chain, target] = /^-A (\S+)\b.*\s-[jg] (\S+)/.exec(bare) ?? []
  return chain === undefined || target === undefined ? [] : [{ chain, target, line }]
}

/** Chains of kube-proxy's that others lead to, and all that these lead to. */
function keptChains(rules: readonly Rule[], isOthers: (chain: string) => boolean): Set<string> {
  const kept = new Set<string>()
  const keep = (name: string | undefined): void => {
    if (name === undefined || kept.has(name) || !ownChain.test(name)) return
    kept.add(name)
    keep(goesWith[name])
    for (const { chain, target } of rules) if (chain === name) keep(target)
  }
  for (const { chain, target } of rules) if (isOthers(chain)) keep(target)
  return kept
}
