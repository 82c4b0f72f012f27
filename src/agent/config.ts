import type { AgentValues, agentFlags, FlannelBackend } from '../config/agent-flags.ts'
import type { Resolved } from '../config/resolve.ts'
import type { BindAddress } from '../config/types.ts'
import type { ListenAddress } from '../daemon/http.ts'
import { WeftError } from '../model/error.ts'
import { cidrsOverlap, type Family, formatCIDR, parseCIDR } from '../model/ip.ts'
import type { DetectLocal, ServiceConfig } from '../proxy/config.ts'

/** What an agent is told by flags and files, in the terms of those who use it. */
export interface AgentConfig extends ServiceConfig {
  /** undefined: a pod's service account. */
  kubeconfig: string | undefined
  runDir: string
  /** What makes the pod network; `none`: somebody else does. */
  flannelBackend: FlannelBackend
  /** Leave Services to somebody else. */
  disableKubeProxy: boolean
  /** Where /healthz and /livez are served. */
  healthzBindAddress: ListenAddress
  /** Where /metrics, /proxyMode and /configz are served. */
  metricsBindAddress: ListenAddress
  /** An address to listen on that is taken ends the agent. */
  bindAddressHardFail: boolean
  /** Nobody else writes to the tables of Services, where the kernel can. */
  tableOwner: boolean
  /** Changes gather for this long before they are written. */
  minSyncPeriodMs: number
  /** Score of proc_pid_oom_score_adj(5); undefined: left alone. */
  oomScoreAdj: number | undefined
  /** Settings of connection tracking that flags ask for, by slashed name. */
  conntrackSysctls: ReadonlyMap<string, string>
  /** Told once at the start: what was set and has no effect. */
  notes: readonly string[]
}

type Settings = Resolved<typeof agentFlags>

/** What is asked of the machine itself. */
export interface Machine {
  hostname: string
  cores: number
  /** What K3s' --with-node-id appends to the node's name; asked for only where that is set. */
  nodeId?: () => string
}

/** @throws WeftError CONFIG_… for settings that do not go together */
export function agentConfig(settings: Settings, machine: Machine): AgentConfig {
  const { values } = settings
  checkRanges(settings)
  checkFamilies(settings)
  checkWork(settings)
  const healthzBindAddress = listenAddress(values['healthz-bind-address'], values['healthz-port'], 10256)
  const metricsBindAddress = listenAddress(values['metrics-bind-address'], values['metrics-port'], 10249)
  checkAddresses(settings, healthzBindAddress, metricsBindAddress)
  return {
    kubeconfig: values.kubeconfig,
    nodeName: nodeName(values, machine),
    runDir: values['run-dir'],
    clusterCIDRs: values['cluster-cidr'],
    serviceCIDRs: values['service-cidr'],
    nodePortAddresses: nodePortAddresses(values['nodeport-addresses']),
    masqueradeAll: values['masquerade-all'],
    detectLocal: detectLocal(settings),
    flannelBackend: values['flannel-backend'] as FlannelBackend,
    disableKubeProxy: values['disable-kube-proxy'],
    healthzBindAddress,
    metricsBindAddress,
    bindAddressHardFail: values['bind-address-hard-fail'],
    tableOwner: values['nftables-table-owner'],
    minSyncPeriodMs: values['nftables-min-sync-period'] * 1000,
    oomScoreAdj: values['oom-score-adj'],
    conntrackSysctls: conntrackSysctls(values, machine.cores),
    notes: [...settings.notes, ...idleSettings(settings)],
  }
}

/** K3s makes it so (pkg/util/net.go, pkg/agent/config): lower case, and the id behind a dash. */
function nodeName(values: AgentValues, { hostname, nodeId }: Machine): string {
  const name = (values['node-name'] ?? hostname).toLowerCase()
  return values['with-node-id'] && nodeId !== undefined ? `${name}-${nodeId()}` : name
}

/** K3s' config.yaml says `disable-kube-proxy` just where an agent is to take kube-proxy's place: one that then did nothing would look as if all were well. */
function checkWork({ values, placeOf }: Settings): void {
  if (!values['disable-kube-proxy'] || values['flannel-backend'] !== 'none') return
  throw new WeftError('Services and the pod network are both left to somebody else: there is nothing to do', {
    code: 'CONFIG_NOTHING_TO_DO',
    fault: 'user',
    where: `${placeOf('disable-kube-proxy').where}, ${placeOf('flannel-backend').where}`,
    remedy:
      "add --disable-kube-proxy=false where the line in K3s' config.yaml is for kube-proxy, and this agent takes its place",
  })
}

/** A pod that had a Service's address, or the other way round, could not be told from it. */
function checkRanges({ values, placeOf }: Settings): void {
  for (const pods of values['cluster-cidr']) {
    const services = values['service-cidr'].find((one) => cidrsOverlap(one, pods))
    if (services === undefined) continue
    throw new WeftError(`${formatCIDR(pods)} of pods and ${formatCIDR(services)} of Services overlap`, {
      code: 'CONFIG_RANGES_OVERLAP',
      fault: 'user',
      where: `${placeOf('cluster-cidr').where}, ${placeOf('service-cidr').where}`,
      remedy: `give those that the cluster was made with; K3s has ${placeOf('cluster-cidr').write('10.42.0.0/16')} and ${placeOf('service-cidr').write('10.43.0.0/16')}`,
    })
  }
}

/** K3s refuses such a cluster (pkg/agent/config, validateNetworkConfig); where one of the two is left to its default, the API says the other families. */
function checkFamilies({ values, origins, placeOf }: Settings): void {
  const named = ['cluster-cidr', 'service-cidr'] as const
  if (named.some((name) => origins[name] === 'default')) return
  const [pods, services] = named.map((name) => values[name].map(({ family }) => family).sort()) as [Family[], Family[]]
  if (pods.join() === services.join()) return
  throw new WeftError(`pods have ${pods.join(' and ')}, and Services ${services.join(' and ')}`, {
    code: 'CONFIG_FAMILIES_DIFFER',
    fault: 'user',
    where: named.map((name) => placeOf(name).where).join(', '),
    remedy: `name the same families in both, e.g. ${placeOf('cluster-cidr').write('10.42.0.0/16,fd42::/56')} and ${placeOf('service-cidr').write('10.43.0.0/16,fd43::/112')}`,
  })
}

/** Two servers: the second would try again for ever. */
function checkAddresses({ placeOf }: Settings, healthz: ListenAddress, metrics: ListenAddress): void {
  if (healthz.port === 0 || healthz.port !== metrics.port || healthz.address !== metrics.address) return
  throw new WeftError(`health and metrics cannot both be served at ${healthz.address} port ${healthz.port}`, {
    code: 'CONFIG_ADDRESS_TWICE',
    fault: 'user',
    where: `${placeOf('healthz-bind-address').where}, ${placeOf('metrics-bind-address').where}`,
    remedy: `give them ports of their own: ${placeOf('healthz-bind-address').write('127.0.0.1:10256')} and ${placeOf('metrics-bind-address').write('127.0.0.1:10249')}`,
  })
}

/** What says something only beside another setting, and stands alone. */
function idleSettings({ values, origins, placeOf }: Settings): string[] {
  const mode = values['detect-local-mode']
  const idle = (name: keyof AgentValues, why: string): string[] =>
    origins[name] === 'default' ? [] : [`${placeOf(name).where} has no effect: ${why}`]
  return [
    ...(mode === 'BridgeInterface' ? [] : idle('pod-bridge-interface', `--detect-local-mode is ${mode}`)),
    ...(mode === 'InterfaceNamePrefix' ? [] : idle('pod-interface-name-prefix', `--detect-local-mode is ${mode}`)),
  ]
}

const nodePortAddresses = (texts: readonly string[]): ServiceConfig['nodePortAddresses'] =>
  texts[0] === 'primary' ? 'primary' : texts.flatMap((text) => parseCIDR(text) ?? [])

function detectLocal(settings: Settings): DetectLocal {
  const mode = settings.values['detect-local-mode'] as DetectLocal['mode']
  if (mode === 'BridgeInterface') return { mode, name: needed(settings, 'pod-bridge-interface', mode) }
  if (mode === 'InterfaceNamePrefix') return { mode, prefix: needed(settings, 'pod-interface-name-prefix', mode) }
  return { mode }
}

function needed(
  { values, placeOf }: Settings,
  name: 'pod-bridge-interface' | 'pod-interface-name-prefix',
  mode: string,
): string {
  const value = values[name]
  if (value !== undefined) return value
  const example = name === 'pod-bridge-interface' ? 'cni0' : 'veth'
  throw new WeftError(`${mode} needs --${name}`, {
    code: 'CONFIG_INCOMPLETE',
    fault: 'user',
    where: placeOf('detect-local-mode').where,
    remedy: `add ${placeOf(name).write(example)}, or leave --detect-local-mode out`,
  })
}

/** The port flags are kube-proxy's older ones and win, as there. */
const listenAddress = (
  bind: Omit<BindAddress, 'port'> & { port?: number },
  port: number | undefined,
  usual: number,
): ListenAddress => ({ address: bind.address, port: port ?? bind.port ?? usual })

/** What kube-proxy sets at its start (cmd/kube-proxy/app/conntrack.go): nothing for a value of 0. */
function conntrackSysctls(values: AgentValues, cores: number): Map<string, string> {
  const settings = new Map<string, string>()
  const set = (name: string, value: number): void => {
    if (value > 0) settings.set(`net/netfilter/nf_conntrack_${name}`, String(Math.round(value)))
  }
  const perCore = values['conntrack-max-per-core']
  if (perCore > 0) set('max', Math.min(Math.max(perCore * cores, values['conntrack-min']), 1_048_576))
  set('tcp_timeout_established', values['conntrack-tcp-timeout-established'])
  set('tcp_timeout_close_wait', values['conntrack-tcp-timeout-close-wait'])
  set('udp_timeout', values['conntrack-udp-timeout'])
  set('udp_timeout_stream', values['conntrack-udp-timeout-stream'])
  if (values['conntrack-tcp-be-liberal']) set('tcp_be_liberal', 1)
  return settings
}
