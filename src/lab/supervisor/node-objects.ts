import type { NewObject } from '../api/types.ts'
import type { PlannedNode } from '../topology/plan.ts'

/** Label of the Nodes that a lab has registered with an API server that was there before it. */
export const registrationLabel = 'weft.k3s.io/lab'

/**
 * A Node before its kubelet has said anything. The labels are those that a kubelet sets, the old beta ones included: manifests still select by them.
 *
 * @param registration value of `registrationLabel`, if it is to be known by one
 */
export function nodeObject({ name, addresses, zone }: PlannedNode, registration?: string): NewObject {
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
        ...(registration === undefined ? {} : { [registrationLabel]: registration }),
      },
    },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
    },
  }
}
