import type { Pod } from './pod.ts'

/** What a pod's resolver settings are made of. */
export interface DnsFacts {
  /** ClusterIP of kube-system/kube-dns; absent: the cluster has no DNS. */
  clusterDns: string | undefined
  clusterDomain: string
  /** The node's /etc/resolv.conf. */
  nodeResolvConf: string
}

interface Resolver {
  nameservers: string[]
  searches: string[]
  options: string[]
}

/** resolv.conf(5) takes three name servers at most, and kubelet 32 search domains. */
const mostNameservers = 3
const mostSearches = 32

/** A pod's /etc/resolv.conf, by its dnsPolicy and dnsConfig. Without a cluster DNS all policies but None are as Default. */
export function resolvConf(pod: Pod, facts: DnsFacts): string {
  const base = baseOf(pod, facts)
  const { nameservers = [], searches = [], options = [] } = pod.spec.dnsConfig ?? {}
  const named = new Map(base.options.map((option) => [option.split(':')[0] ?? '', option]))
  for (const { name, value } of options) named.set(name, value === undefined ? name : `${name}:${value}`)
  return text({
    nameservers: unique([...base.nameservers, ...nameservers]).slice(0, mostNameservers),
    searches: unique([...base.searches, ...searches]).slice(0, mostSearches),
    options: [...named.values()],
  })
}

function baseOf({ metadata, spec }: Pod, { clusterDns, clusterDomain, nodeResolvConf }: DnsFacts): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = spec
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] }
  const node = parseResolvConf(nodeResolvConf)
  const ofNode = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork === true)
  if (ofNode || clusterDns === undefined) return node
  const services = `svc.${clusterDomain}`
  const searches = [`${metadata.namespace}.${services}`, services, clusterDomain, ...node.searches]
  return { nameservers: [clusterDns], searches, options: ['ndots:5'] }
}

function parseResolvConf(content: string): Resolver {
  const words = content.split('\n').map((line) => line.trim().split(/\s+/))
  return {
    nameservers: words.flatMap(([keyword, address]) => (keyword === 'nameserver' && address ? [address] : [])),
    searches: words.findLast(([keyword]) => keyword === 'search')?.slice(1) ?? [],
    options: words.flatMap(([keyword, ...rest]) => (keyword === 'options' ? rest : [])),
  }
}

function text({ nameservers, searches, options }: Resolver): string {
  const lines = nameservers.map((address) => `nameserver ${address}`)
  if (searches.length > 0) lines.unshift(`search ${searches.join(' ')}`)
  if (options.length > 0) lines.push(`options ${options.join(' ')}`)
  return `${lines.join('\n')}\n`
}

const unique = (items: string[]): string[] => [...new Set(items)]

/** The name that the pod has for itself. */
export const podHostname = ({ metadata, spec }: Pod): string => (spec.hostname ?? metadata.name).slice(0, 63)

/** A pod's /etc/hosts as a kubelet writes it. */
export function etcHosts(pod: Pod, podIPs: readonly string[], clusterDomain: string, nodeHosts: string): string {
  const { hostNetwork, subdomain, hostAliases = [] } = pod.spec
  const hostname = podHostname(pod)
  const full =
    subdomain === undefined ? [] : [`${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`]
  const own = podIPs.map((address) => [address, ...full, hostname].join('\t'))
  const base = hostNetwork
    ? ['# Kubernetes-managed hosts file (host network).', nodeHosts.trimEnd()]
    : ['# Kubernetes-managed hosts file.', ...localNames, ...own]
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t'))
  const added = aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : []
  return `${[...base, ...added].join('\n')}\n`
}

const localNames = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
]
