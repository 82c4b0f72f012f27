import { flag, type Flag, type Values } from './flag.ts'
import { atMostTwo } from './ranges.ts'
import type { TypeName } from './types.ts'

/** A flag of kube-controller-manager that often stands beside the others, and changes nothing here. */
const ignored = <T extends TypeName>(type: T, noEffect: string): Flag<T> => ({
  type,
  of: ['kube-controller-manager'],
  noEffect,
  help: 'no effect',
})

const maskSize = (value: number): string | undefined =>
  value < 1 || value > 128 ? `${value} is no length of a prefix: 1 to 32 for IPv4, to 128 for IPv6` : undefined

const positive = (value: number): string | undefined => (value <= 0 ? 'no time at all is too short' : undefined)

/**
 * Every flag of the controller. Those of kube-controller-manager carry its names, defaults and meaning (pkg/controller/nodeipam/config, k8s.io/component-base/config/options);
 * K3s hands them to it by `--kube-controller-manager-arg`, and has two keys of its own for the ranges.
 */
export const controllerFlags = {
  config: flag({
    type: 'string',
    of: ['weft'],
    env: 'K3S_CONFIG_FILE',
    example: '/etc/rancher/k3s/config.yaml',
    help: "K3s' config.yaml: cluster-cidr, service-cidr, kube-controller-manager-arg",
  }),
  'kube-controller-manager-arg': flag({
    type: 'texts',
    of: ['k3s'],
    argumentsOf: 'kube-controller-manager',
    example: 'node-cidr-mask-size=24',
    help: "NAME=VALUE: a flag of kube-controller-manager, in K3s' way; may be repeated",
  }),
  kubeconfig: flag({
    type: 'string',
    of: ['weft'],
    example: '/etc/rancher/k3s/k3s.yaml',
    help: 'how to reach the API (default: $KUBECONFIG, ~/.kube/config, or in a pod its service account)',
  }),
  'run-dir': flag({
    type: 'string',
    default: '/run/weft',
    of: ['weft'],
    help: 'where the status socket lives',
  }),
  'allocate-node-cidrs': flag({
    type: 'boolean',
    default: 'false',
    of: ['kube-controller-manager'],
    help: 'give pod CIDRs to Nodes that have none',
  }),
  'cluster-cidr': flag({
    type: 'cidrs',
    default: '10.42.0.0/16',
    of: ['kube-controller-manager', 'k3s'],
    check: atMostTwo,
    help: 'where pod CIDRs are taken from; one CIDR, or one of each family, the primary one first',
  }),
  'node-cidr-mask-size': flag({
    type: 'integer',
    of: ['kube-controller-manager'],
    check: maskSize,
    example: '24',
    help: "length of a Node's pod CIDR, where there is one family",
  }),
  'node-cidr-mask-size-ipv4': flag({
    type: 'integer',
    of: ['kube-controller-manager'],
    check: maskSize,
    example: '24',
    help: 'the same for IPv4 (default: 24)',
  }),
  'node-cidr-mask-size-ipv6': flag({
    type: 'integer',
    of: ['kube-controller-manager'],
    check: maskSize,
    example: '64',
    help: 'the same for IPv6 (default: 64)',
  }),
  'service-cluster-ip-range': flag({
    type: 'cidrs',
    default: '10.43.0.0/16',
    of: ['kube-controller-manager'],
    check: atMostTwo,
    help: 'addresses of Services; blocks that overlap them are given to nobody',
  }),
  'service-cidr': flag({
    type: 'cidrs',
    of: ['k3s'],
    aliasOf: 'service-cluster-ip-range',
    example: '10.43.0.0/16',
    check: atMostTwo,
    help: "K3s' name for --service-cluster-ip-range",
  }),
  'leader-elect': flag({
    type: 'boolean',
    default: 'true',
    of: ['kube-controller-manager'],
    help: 'work only while holding the Lease; false: at once, where no other controller runs',
  }),
  'leader-elect-lease-duration': flag({
    type: 'duration',
    default: '15s',
    of: ['kube-controller-manager'],
    check: positive,
    help: 'how long others wait for a leader that is silent',
  }),
  'leader-elect-renew-deadline': flag({
    type: 'duration',
    default: '10s',
    of: ['kube-controller-manager'],
    check: positive,
    help: 'how long a leader tries before it stops',
  }),
  'leader-elect-retry-period': flag({
    type: 'duration',
    default: '2s',
    of: ['kube-controller-manager'],
    check: positive,
    help: 'time between two tries',
  }),
  'leader-elect-resource-namespace': flag({
    type: 'string',
    default: 'kube-system',
    of: ['kube-controller-manager'],
    help: 'namespace of the Lease',
  }),
  'leader-elect-resource-name': flag({
    type: 'string',
    default: 'weft-controller',
    of: ['kube-controller-manager'],
    check: (name) =>
      name === 'kube-controller-manager' ? 'this Lease is that of kube-controller-manager itself' : undefined,
    help: 'name of the Lease',
  }),
  'healthz-bind-address': flag({
    type: 'bindAddress',
    default: '127.0.0.1:10263',
    of: ['weft'],
    help: 'where /healthz, /livez and /readyz are served; empty or port 0: nowhere',
  }),
  'metrics-bind-address': flag({
    type: 'bindAddress',
    default: '127.0.0.1:10263',
    of: ['weft'],
    help: 'where /metrics is served; empty or port 0: nowhere',
  }),
  'bind-address-hard-fail': flag({
    type: 'boolean',
    default: 'false',
    of: ['weft'],
    help: 'end if an address to listen on is taken; else it is tried again',
  }),
  'cidr-allocator-type': flag({
    type: 'string',
    of: ['kube-controller-manager'],
    choices: ['RangeAllocator'],
    noEffect: 'it is the only one there is',
    help: 'no effect',
  }),
  'leader-elect-resource-lock': flag({
    type: 'string',
    of: ['kube-controller-manager'],
    choices: ['leases'],
    noEffect: 'it is a Lease',
    help: 'no effect',
  }),
  'bind-address': ignored('address', 'see --healthz-bind-address'),
  'secure-port': ignored('integer', 'see --healthz-bind-address'),
  'configure-cloud-routes': ignored('boolean', 'no routes are made'),
  profiling: ignored('boolean', 'profiles come from node --cpu-prof'),
  v: ignored('string', 'the log has one level of detail'),
  vmodule: ignored('string', 'the log has one level of detail'),
} as const

/** The values of all flags of the controller, by name. */
export type ControllerValues = Values<typeof controllerFlags>
