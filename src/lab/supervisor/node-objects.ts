import type { ApiStore, NewObject } from '../api/types.ts'
import type { PlannedNode } from '../topology/plan.ts'

/** Creates the Node of each node, with what a cloud and the node IPAM controller would have filled in. */
export function createNodeObjects(store: ApiStore, nodes: PlannedNode[]): void {
  for (const node of nodes) store.create('nodes', nodeObject(node))
}

/** A Node before its kubelet has said anything. The labels are the well-known ones that scheduling and topology read. */
export function nodeObject({ name, address, podCIDR, zone }: PlannedNode): NewObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
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
