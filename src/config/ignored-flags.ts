import type { Flag } from './flag.ts'
import type { TypeName } from './types.ts'

const otherMode = 'Services are served by nftables here'
const ownClient = 'the API client has no limit of this kind'
const always = 'changes are watched, and everything is compared with the kernel every five minutes'
const oneLevel = 'the log has one level of detail'
const unbuffered = 'the log is not buffered'

/** A flag of kube-proxy that is taken, and changes nothing. */
const kubeProxy = <T extends TypeName>(type: T, noEffect: string, field?: string): Flag<T> => ({
  type,
  of: ['kube-proxy'],
  noEffect,
  help: 'no effect',
  ...(field === undefined ? {} : { field }),
})
/** Of fields that kube-proxy has no flag for. */
const ours = <T extends TypeName>(type: T, noEffect: string, field: string): Flag<T> => ({
  ...kubeProxy(type, noEffect, field),
  of: ['weft'],
})

/** Flags and fields of kube-proxy that make no sense here: type, why, field. */
export const ignoredFlags = {
  'bind-address': kubeProxy('address', 'the Node object says what the addresses of the node are', 'bindAddress'),
  'nftables-sync-period': ours('duration', always, 'nftables.syncPeriod'),
  'nftables-masquerade-bit': ours('integer', 'no mark is used', 'nftables.masqueradeBit'),
  'config-sync-period': kubeProxy('duration', always, 'configSyncPeriod'),
  'kube-api-qps': kubeProxy('string', ownClient, 'clientConnection.qps'),
  'kube-api-burst': kubeProxy('integer', ownClient, 'clientConnection.burst'),
  'kube-api-content-type': kubeProxy('string', 'JSON is spoken', 'clientConnection.contentType'),
  'feature-gates': kubeProxy('string', 'there are none', 'featureGates'),
  profiling: kubeProxy('boolean', 'profiles come from node --cpu-prof', 'enableProfiling'),
  'show-hidden-metrics-for-version': kubeProxy('string', 'no metric is hidden', 'showHiddenMetricsForVersion'),
  'proxy-port-range': kubeProxy('string', 'kube-proxy ignores it too', 'portRange'),
  'iptables-masquerade-bit': kubeProxy('integer', otherMode, 'iptables.masqueradeBit'),
  'iptables-localhost-nodeports': kubeProxy('boolean', otherMode, 'iptables.localhostNodePorts'),
  'iptables-sync-period': kubeProxy('duration', otherMode, 'iptables.syncPeriod'),
  'iptables-min-sync-period': kubeProxy('duration', otherMode, 'iptables.minSyncPeriod'),
  'ipvs-scheduler': kubeProxy('string', otherMode, 'ipvs.scheduler'),
  'ipvs-strict-arp': kubeProxy('boolean', otherMode, 'ipvs.strictARP'),
  'ipvs-exclude-cidrs': kubeProxy('texts', otherMode, 'ipvs.excludeCIDRs'),
  'ipvs-sync-period': kubeProxy('duration', otherMode, 'ipvs.syncPeriod'),
  'ipvs-min-sync-period': kubeProxy('duration', otherMode, 'ipvs.minSyncPeriod'),
  'ipvs-tcp-timeout': kubeProxy('duration', otherMode, 'ipvs.tcpTimeout'),
  'ipvs-tcpfin-timeout': kubeProxy('duration', otherMode, 'ipvs.tcpFinTimeout'),
  'ipvs-udp-timeout': kubeProxy('duration', otherMode, 'ipvs.udpTimeout'),
  master: kubeProxy('string', 'the server stands in the kubeconfig'),
  'cleanup-ipvs': kubeProxy('boolean', 'there is no ipvs mode'),
  v: kubeProxy('string', oneLevel),
  vmodule: kubeProxy('string', oneLevel),
  'logging-format': kubeProxy('string', 'the log is JSON'),
  'log-flush-frequency': kubeProxy('duration', unbuffered),
  'log-json-split-stream': kubeProxy('boolean', 'the log goes to stderr'),
  'log-json-info-buffer-size': kubeProxy('string', unbuffered),
  'log-text-split-stream': kubeProxy('boolean', 'the log goes to stderr'),
  'log-text-info-buffer-size': kubeProxy('string', unbuffered),
} as const
