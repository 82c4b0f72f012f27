import { flag, type Values } from './flag.ts'
import { ignoredFlags } from './ignored-flags.ts'
import { atMostTwo } from './ranges.ts'
import { parseCIDR } from '../model/ip.ts'

/** Values of --flannel-backend that this version has, as K3s names them. */
const flannelBackends = ['none', 'host-gw'] as const
export type FlannelBackend = (typeof flannelBackends)[number]

/** Those that K3s has besides. */
const otherFlannelBackends = ['vxlan', 'wireguard-native'] as const

/** How pods are told from others, as kube-proxy names it (detectLocalMode). */
const detectLocalModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const

const modes = ['nftables', 'iptables', 'ipvs'] as const

const notNegative = (value: number): string | undefined => (value < 0 ? `${value} is negative` : undefined)

const port = (value: number): string | undefined =>
  value < 0 || value > 65_535 ? `${value} is no port: they are 0 to 65535` : undefined

/**
 * Every flag of the agent. Those of kube-proxy carry its names, defaults and meaning where the default is not told otherwise below: K3s' own arguments
 * for kube-proxy (pkg/daemons/agent/agent.go) are the defaults here. A flag that has no effect is taken nevertheless, and said once.
 */
export const agentFlags = {
  config: flag({
    type: 'string',
    of: ['kube-proxy'],
    env: 'K3S_CONFIG_FILE',
    example: '/etc/rancher/k3s/config.yaml',
    help: "a KubeProxyConfiguration, or K3s' config.yaml",
  }),
  'kube-proxy-arg': flag({
    type: 'texts',
    of: ['k3s'],
    argumentsOf: 'kube-proxy',
    example: 'nodeport-addresses=primary',
    help: "NAME=VALUE: a flag of kube-proxy, in K3s' way; may be repeated",
  }),
  kubeconfig: flag({
    type: 'string',
    of: ['kube-proxy', 'weft'],
    field: 'clientConnection.kubeconfig',
    example: '/var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
    help: 'how to reach the API; in a pod its service account will do',
  }),
  'node-name': flag({
    type: 'string',
    of: ['k3s'],
    env: 'K3S_NODE_NAME',
    example: 'node1',
    help: "the Node object that stands for this machine (default: the machine's host name)",
  }),
  'with-node-id': flag({
    type: 'boolean',
    default: 'false',
    of: ['k3s'],
    help: "the node's name ends in the id that K3s keeps in /etc/rancher/node/id",
  }),
  'hostname-override': flag({
    type: 'string',
    of: ['kube-proxy'],
    field: 'hostnameOverride',
    aliasOf: 'node-name',
    example: 'node1',
    help: "kube-proxy's name for --node-name",
  }),
  'run-dir': flag({
    type: 'string',
    default: '/run/weft',
    of: ['weft'],
    help: 'where the status socket lives',
  }),
  'cluster-cidr': flag({
    type: 'cidrs',
    default: '10.42.0.0/16',
    of: ['kube-proxy', 'k3s'],
    field: 'clusterCIDR',
    check: atMostTwo,
    help: 'addresses of pods; traffic from them keeps its source',
  }),
  'service-cidr': flag({
    type: 'cidrs',
    default: '10.43.0.0/16',
    of: ['k3s'],
    check: atMostTwo,
    help: 'addresses of Services, where the API has no ServiceCIDR objects',
  }),
  'flannel-backend': flag({
    type: 'string',
    default: 'none',
    of: ['k3s'],
    choices: [...flannelBackends, ...otherFlannelBackends],
    check: (backend) =>
      (flannelBackends as readonly string[]).includes(backend)
        ? undefined
        : `this version has no ${backend}; K3s' own flannel makes it, where the pod network is left to it`,
    help: 'what makes the pod network; none: somebody else does',
  }),
  'disable-kube-proxy': flag({
    type: 'boolean',
    default: 'false',
    of: ['k3s'],
    help: 'leave Services to somebody else',
  }),
  'proxy-mode': flag({
    type: 'string',
    default: 'nftables',
    of: ['kube-proxy'],
    field: 'mode',
    choices: modes,
    check: (mode) => (mode === 'nftables' ? undefined : `this version has no ${mode} mode; it has nftables`),
    help: 'how Services are served; this version has nftables alone',
  }),
  'nodeport-addresses': flag({
    type: 'texts',
    default: 'primary',
    of: ['kube-proxy'],
    field: 'nodePortAddresses',
    check: nodePortAddressesError,
    help: 'which of its addresses the node serves node ports on: CIDRs, or `primary`, the addresses of the Node object',
  }),
  'masquerade-all': flag({
    type: 'boolean',
    default: 'false',
    of: ['kube-proxy'],
    field: 'nftables.masqueradeAll',
    help: 'masquerade all traffic to a ClusterIP',
  }),
  'detect-local-mode': flag({
    type: 'string',
    default: 'ClusterCIDR',
    of: ['kube-proxy'],
    field: 'detectLocalMode',
    choices: detectLocalModes,
    help: 'how pods of this node are told from others',
  }),
  'pod-bridge-interface': flag({
    type: 'string',
    of: ['kube-proxy'],
    field: 'detectLocal.bridgeInterface',
    example: 'cni0',
    help: 'the bridge of the pods, for BridgeInterface',
  }),
  'pod-interface-name-prefix': flag({
    type: 'string',
    of: ['kube-proxy'],
    field: 'detectLocal.interfaceNamePrefix',
    example: 'veth',
    help: "how names of the pods' interfaces begin, for InterfaceNamePrefix",
  }),
  'nftables-table-owner': flag({
    type: 'boolean',
    default: 'true',
    of: ['weft'],
    help: 'let nobody else write to the tables of Services, where the kernel can (6.9 and newer); a foreign flush passes them by',
  }),
  'nftables-min-sync-period': flag({
    type: 'duration',
    default: '0s',
    of: ['weft'],
    field: 'nftables.minSyncPeriod',
    check: notNegative,
    help: 'gather changes for this long before they are written',
  }),
  'healthz-bind-address': flag({
    type: 'bindAddress',
    default: '127.0.0.1:10256',
    of: ['kube-proxy'],
    field: 'healthzBindAddress',
    help: 'where /healthz and /livez are served; empty or port 0: nowhere',
  }),
  'metrics-bind-address': flag({
    type: 'bindAddress',
    default: '127.0.0.1:10249',
    of: ['kube-proxy'],
    field: 'metricsBindAddress',
    help: 'where /metrics, /proxyMode and /configz are served; empty or port 0: nowhere',
  }),
  'healthz-port': flag({
    type: 'integer',
    of: ['kube-proxy'],
    check: port,
    example: '10256',
    help: 'the port of --healthz-bind-address; 0: not served',
  }),
  'metrics-port': flag({
    type: 'integer',
    of: ['kube-proxy'],
    check: port,
    example: '10249',
    help: 'the port of --metrics-bind-address; 0: not served',
  }),
  'bind-address-hard-fail': flag({
    type: 'boolean',
    default: 'false',
    of: ['kube-proxy'],
    field: 'bindAddressHardFail',
    help: 'end if an address to listen on is taken; else it is tried again',
  }),
  'oom-score-adj': flag({
    type: 'integer',
    of: ['kube-proxy'],
    field: 'oomScoreAdj',
    example: '-999',
    check: (value) => (value < -1000 || value > 1000 ? `${value} is out of range: -1000 to 1000` : undefined),
    help: 'how readily the kernel ends the agent when memory runs out',
  }),
  'conntrack-max-per-core': flag({
    type: 'integer',
    default: '0',
    of: ['kube-proxy'],
    field: 'conntrack.maxPerCore',
    check: notNegative,
    help: 'net.netfilter.nf_conntrack_max for each core; 0: left alone',
  }),
  'conntrack-min': flag({
    type: 'integer',
    default: '131072',
    of: ['kube-proxy'],
    field: 'conntrack.min',
    check: notNegative,
    help: 'the least that --conntrack-max-per-core comes to',
  }),
  'conntrack-tcp-timeout-established': flag({
    type: 'duration',
    default: '0s',
    of: ['kube-proxy'],
    field: 'conntrack.tcpEstablishedTimeout',
    check: notNegative,
    help: 'how long an idle TCP connection is remembered; 0: left alone',
  }),
  'conntrack-tcp-timeout-close-wait': flag({
    type: 'duration',
    default: '0s',
    of: ['kube-proxy'],
    field: 'conntrack.tcpCloseWaitTimeout',
    check: notNegative,
    help: 'the same in CLOSE_WAIT; 0: left alone',
  }),
  'conntrack-tcp-be-liberal': flag({
    type: 'boolean',
    default: 'false',
    of: ['kube-proxy'],
    field: 'conntrack.tcpBeLiberal',
    help: 'take TCP packets outside of the window as part of their connection',
  }),
  'conntrack-udp-timeout': flag({
    type: 'duration',
    default: '0s',
    of: ['kube-proxy'],
    field: 'conntrack.udpTimeout',
    check: notNegative,
    help: 'how long a UDP flow without answer is remembered; 0: left alone',
  }),
  'conntrack-udp-timeout-stream': flag({
    type: 'duration',
    default: '0s',
    of: ['kube-proxy'],
    field: 'conntrack.udpStreamTimeout',
    check: notNegative,
    help: 'the same with answers; 0: left alone',
  }),
  ...ignoredFlags,
} as const

/** The values of all flags of the agent, by name. */
export type AgentValues = Values<typeof agentFlags>

/** CIDRs, or `primary` alone (kube-proxy's validateNodePortAddresses). */
function nodePortAddressesError(values: readonly string[]): string | undefined {
  if (values.includes('primary')) return values.length === 1 ? undefined : '`primary` stands alone'
  const wrong = values.find((value) => !value.includes('/') || parseCIDR(value) === undefined)
  return wrong === undefined ? undefined : `"${wrong}" is neither a CIDR nor \`primary\``
}
