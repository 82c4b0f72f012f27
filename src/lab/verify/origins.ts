import type { Node, Pod } from '../../kube/types.ts'
import { type Family, familyOf, formatAddress, parseCIDR } from '../../model/ip.ts'
import type { LabState } from '../state.ts'
import { type ClusterObjects, nameOf, type Origin } from './types.ts'

export type PodOrigin = Extract<Origin, { kind: 'pod' }>
export type NodeOrigin = Extract<Origin, { kind: 'node' }>
export type OutsideOrigin = Extract<Origin, { kind: 'outside' }>

/** What verify needs to know of a lab besides the API's objects. */
export type LabFacts = Pick<LabState, 'client' | 'router' | 'families' | 'apiAddress' | 'apiPort'> & {
  nodes: readonly Pick<LabState['nodes'][number], 'name'>[]
}

/** Where traffic can be sent from. */
export interface Origins {
  pods: readonly PodOrigin[]
  nodes: readonly NodeOrigin[]
  outside: OutsideOrigin
}

/** Origins of a lab: its Ready pods with a network of their own, its nodes, its client. */
export function originsOf(objects: ClusterObjects, lab: LabFacts): Origins {
  const inLab = new Set(lab.nodes.map((node) => node.name))
  const nodes = objects.nodes.filter((node) => inLab.has(node.metadata.name)).map(toNodeOrigin)
  const pods = objects.pods.filter((pod) => isReady(pod) && pod.spec.hostNetwork !== true)
  return {
    pods: pods.map(toPodOrigin).filter((pod) => inLab.has(pod.node)),
    nodes,
    outside: { kind: 'outside', name: 'outside', addresses: lab.client.addresses },
  }
}

/** Running, Ready, with an address, and not on its way out. */
export const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.phase === 'Running' &&
  pod.status.podIP !== undefined &&
  (pod.status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True')

function toPodOrigin(pod: Pod): PodOrigin {
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? '']
  const uid = pod.metadata.uid ?? ''
  return { kind: 'pod', name: nameOf(pod), uid, node: pod.spec.nodeName ?? '', addresses: ips }
}

function toNodeOrigin(node: Node): NodeOrigin {
  const { name } = node.metadata
  const nodeIPs = internalAddresses(node)
  const zone = node.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
  const addresses = [...nodeIPs, ...podNetworkAddresses(node)]
  return { kind: 'node', name, node: name, zone, nodeIPs, addresses }
}

/** Addresses that a node's ports are on. */
export const internalAddresses = (node: Node): string[] =>
  (node.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address)

/**
 * Addresses that a node has in the pod network: of each pod CIDR the first is that of the bridge (CNI `host-local`), and the network's own that
 * of flannel's VXLAN device.
 */
export function podNetworkAddresses(node: Node): string[] {
  const cidrs = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  return cidrs.flatMap((text) => {
    const cidr = parseCIDR(text)
    if (cidr === undefined) return []
    const { family, network } = cidr
    return [formatAddress({ family, number: network + 1n }), formatAddress({ family, number: network })]
  })
}

/** The address of a family, where there is one. */
export const addressOf = (addresses: readonly string[], family: Family): string | undefined =>
  addresses.find((address) => familyOf(address) === family)

/**
 * Pods to ask a Service from: on each node one that is an endpoint of it (which can meet itself) and one that is not, where
 * there are such pods.
 */
export function askingPods(origins: Origins, endpointPods: ReadonlySet<string>): PodOrigin[] {
  return origins.nodes.flatMap(({ node }) => {
    const here = origins.pods.filter((pod) => pod.node === node)
    const inside = here.find((pod) => endpointPods.has(pod.name))
    const beside = here.find((pod) => !endpointPods.has(pod.name))
    return [inside, beside].filter((pod) => pod !== undefined)
  })
}

/** One pod on each node. */
export const onePodEachNode = (origins: Origins): PodOrigin[] =>
  origins.nodes.map(({ node }) => origins.pods.find((pod) => pod.node === node)).filter((pod) => pod !== undefined)
