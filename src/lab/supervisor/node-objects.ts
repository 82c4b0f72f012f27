import type { NewObject } from '../api/types.ts'
import type { PlannedNode } from '../topology/plan.ts'

/** A Node before its kubelet has said anything. The labels are those that a kubelet sets, the old beta ones included: manifests still select by them. */
export function nodeObject({ name, address, podCIDR, zone }: PlannedNode): NewObject {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': architecture,
        'topology.kubernetes.io/zone': zone,
      },
    },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
    },
  }
}
