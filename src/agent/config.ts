import type { AgentValues, FlannelBackend } from '../config/agent-flags.ts'
import type { BindAddress } from '../config/types.ts'
import type { ListenAddress } from '../daemon/http.ts'
import { WeftError } from '../model/error.ts'
import { cidrsOverlap, formatCIDR, parseCIDR } from '../model/ip.ts'
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

/** @param machine its host name and number of cores. @throws WeftError CONFIG_… for settings that do not go together */
export function agentConfig(
  values: AgentValues,
  notes: readonly string[],
  machine: { hostname: string; cores: number },
): AgentConfig {
  checkRanges(values)
  checkWork(values)
  const name = values['hostname-override'] ?? values['node-name'] ?? machine.hostname
  return {
    kubeconfig: values.kubeconfig,
    nodeName: name.toLowerCase(),
    runDir: values['run-dir'],
    clusterCIDRs: values['cluster-cidr'],
    serviceCIDRs: values['service-cidr'],
    nodePortAddresses: nodePortAddresses(values['nodeport-addresses']),
    masqueradeAll: values['masquerade-all'],
    detectLocal: detectLocal(values),
    flannelBackend: values['flannel-backend'] as FlannelBackend,
    disableKubeProxy: values['disable-kube-proxy'],
    healthzBindAddress: listenAddress(values['healthz-bind-address'], values['healthz-port'], 10256),
    metricsBindAddress: listenAddress(values['metrics-bind-address'], values['metrics-port'], 10249),
    bindAddressHardFail: values['bind-address-hard-fail'],
    tableOwner: values['nftables-table-owner'],
    minSyncPeriodMs: values['nftables-min-sync-period'] * 1000,
    oomScoreAdj: values['oom-score-adj'],
    conntrackSysctls: conntrackSysctls(values, machine.cores),
    notes,
  }
}

/** K3s' config.yaml says `disable-kube-proxy` just where an agent is to take kube-proxy's place: one that then did nothing would look as if all were well. */
function checkWork(values: AgentValues): void {
  if (!values['disable-kube-proxy'] || values['flannel-backend'] !== 'none') return
  throw new WeftError('Services and the pod network are both left to somebody else: there is nothing to do', {
    code: 'CONFIG_NOTHING_TO_DO',
    fault: 'user',
    where: '--disable-kube-proxy, --flannel-backend',
    remedy:
      "add --disable-kube-proxy=false where the line in K3s' config.yaml is for kube-proxy, and this agent takes its place",
  })
}

/** A pod that had a Service's address, or the other way round, could not be told from it. */
function checkRanges(values: AgentValues): void {
  for (const pods of values['cluster-cidr']) {
    const services = values['service-cidr'].find((one) => cidrsOverlap(one, pods))
    if (services === undefined) continue
    throw new WeftError(`${formatCIDR(pods)} of pods and ${formatCIDR(services)} of Services overlap`, {
      code: 'CONFIG_RANGES_OVERLAP',
      fault: 'user',
      where: '--cluster-cidr, --service-cidr',
      remedy: 'give those that the cluster was made with; K3s has 10.42.0.0/16 and 10.43.0.0/16',
    })
  }
}

const nodePortAddresses = (texts: readonly string[]): ServiceConfig['nodePortAddresses'] =>
  texts[0] === 'primary' ? 'primary' : texts.flatMap((text) => parseCIDR(text) ?? [])

function detectLocal(values: AgentValues): DetectLocal {
  const mode = values['detect-local-mode'] as DetectLocal['mode']
  if (mode === 'BridgeInterface') return { mode, name: needed(values, 'pod-bridge-interface', mode) }
  if (mode === 'InterfaceNamePrefix') return { mode, prefix: needed(values, 'pod-interface-name-prefix', mode) }
  return { mode }
}

function needed(values: AgentValues, name: 'pod-bridge-interface' | 'pod-interface-name-prefix', mode: string): string {
  const value = values[name]
  if (value !== undefined) return value
  throw new WeftError(`${mode} needs --${name}`, {
    code: 'CONFIG_INCOMPLETE',
    fault: 'user',
    where: '--detect-local-mode',
    remedy: `give --${name}, or another --detect-local-mode`,
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
