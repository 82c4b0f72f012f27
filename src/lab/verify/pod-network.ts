import { type Family, familyOf } from '../../model/ip.ts'
import type { Pod } from '../../kube/types.ts'
import type { ClaimSource, Facts } from './claim-source.ts'
import { join, omit } from './claims.ts'
import type { Listener } from './listeners.ts'
import { addressOf, isReady, type NodeOrigin, onePodEachNode, type PodOrigin } from './origins.ts'
import { isLarge, mostPodsInFull, rotate, sampleNodes, sampleOrigins } from './sample.ts'
import { keptSource, sourceOfNode } from './sources.ts'
import {
  type Check,
  type Claim,
  type Claims,
  formatTarget,
  nameOf,
  type Origin,
  type SourceRule,
  type Target,
} from './types.ts'

const noListener = 'verify could open no port there'

/**
 * The pod network: pods, nodes and the outside reach each other at their own addresses, in every family, and are seen under their own. Pods and nodes
 * are asked at their own addresses; for a node, and for the outside, verify itself listens there during the run.
 */
export const podNetwork: ClaimSource = {
  name: 'pod network',
  checks: {
    'pod → pod': 'there are no two Ready pods with a declared port',
    'node → pod': 'there is no Ready pod with a declared port',
    'outside → pod': 'there is no Ready pod with a declared port',
    'pod → node': `no Ready pod, or ${noListener}`,
    'node → node': `there is one node only, or ${noListener}`,
    'outside → node': noListener,
    'pod → outside': `no Ready pod, or ${noListener}`,
    'node → outside': noListener,
  },
  needs: ['listeners'],
  claims: (facts) => join([...facts.families.map((family) => toPods(facts, family)), toNodes(facts), toOutside(facts)]),
}

function toPods(facts: Facts, family: Family): Claims {
  return join(
    facts.objects.pods.filter(isReady).map((pod) => {
      const target = targetOf(pod, family)
      if (typeof target === 'string') return omit('pod → pod', nameOf(pod), target)
      return target === undefined ? join([]) : { claims: toPod(pod, target, facts, family), omissions: [] }
    }),
  )
}

function toPod(pod: Pod, target: Target, { origins, seed }: Facts, family: Family): Claim[] {
  const name = nameOf(pod)
  const own = pod.spec.nodeName ?? ''
  const ask = (check: Check, origin: Origin, sources = keptSource(origin)): Claim =>
    claim({ check, group: 'every Ready pod', name, node: own, origin, target, sources })
  const has = ({ addresses }: Origin): boolean => addressOf(addresses, family) !== undefined
  const fromOutside = origins.pods.length <= mostPodsInFull || onePodEachNode(origins).some((one) => one.name === name)
  return [
    ...sampleOrigins(origins.pods.filter(has), name, seed).map((origin) => ask('pod → pod', origin)),
    ...sampleNodes(origins.nodes, own, name, seed)
      .filter(has)
      .map((origin) => ask('node → pod', origin, sourceOfNode(origin))),
    ...(fromOutside && has(origins.outside) ? [ask('outside → pod', origins.outside)] : []),
  ]
}

/** A declared port of a pod, TCP before UDP; or why there is none to try; undefined where it has no address of this family. */
function targetOf(pod: Pod, family: Family): Target | string | undefined {
  const addresses = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? '']
  const address = addressOf(addresses, family)
  if (address === undefined || address === '') return undefined
  if (pod.spec.hostNetwork === true) return 'it has no address of its own (hostNetwork)'
  const ports = (pod.spec.containers ?? []).flatMap((container) => container.ports ?? [])
  const tcp = ports.find((port) => (port.protocol ?? 'TCP') === 'TCP')
  if (tcp !== undefined) return { address, port: tcp.containerPort, protocol: 'TCP' }
  const udp = ports.find((port) => port.protocol === 'UDP')
  if (udp !== undefined) return { address, port: udp.containerPort, protocol: 'UDP' }
  return ports.length === 0 ? 'it declares no port' : 'it declares SCTP ports only'
}

function toNodes(facts: Facts): Claims {
  const { origins, listeners, seed } = facts
  const claims = listeners
    .filter(({ kind }) => kind === 'node')
    .flatMap((listener) => {
      const others = sampleNodes(origins.nodes, listener.name, listener.address, seed).filter(
        ({ name }) => name !== listener.name,
      )
      return [
        ...podsAskingNode(facts, listener).map((pod) => ask('pod → node', pod, listener, keptSource(pod))),
        ...others.map((node) => ask('node → node', node, listener, sourceOfNode(node))),
        ask('outside → node', origins.outside, listener, keptSource(origins.outside)),
      ]
    })
  return { claims: claims.filter(isInFamily), omissions: [] }
}

/** Every pod asks every node; above two dozen pods one of each node does, and in a large lab one there and one elsewhere. */
function podsAskingNode({ origins, seed }: Facts, { name, address }: Listener): PodOrigin[] {
  if (origins.pods.length <= mostPodsInFull) return [...origins.pods]
  const each = onePodEachNode(origins)
  if (!isLarge(origins)) return each
  const there = each.filter(({ node }) => node === name)
  const elsewhere = each.filter(({ node }) => node !== name)
  return [...there, ...rotate(elsewhere, `${seed} ${address}`).slice(0, 1)]
}

function toOutside(facts: Facts): Claims {
  const { origins, listeners } = facts
  const pods = isLarge(origins) ? onePodEachNode(origins) : origins.pods
  const claims = listeners
    .filter(({ kind }) => kind === 'outside')
    .flatMap((listener) => [
      ...pods.map((pod) => ask('pod → outside', pod, listener, keptSource(pod))),
      ...origins.nodes.map((node: NodeOrigin) => ask('node → outside', node, listener, sourceOfNode(node))),
    ])
  return { claims: claims.filter(isInFamily), omissions: [] }
}

function ask(check: Check, origin: Origin, listener: Listener, sources: SourceRule): Claim {
  const target = { address: listener.address, port: listener.port, protocol: 'TCP' } as const
  const node = listener.kind === 'node' ? listener.name : undefined
  const group = node === undefined ? 'the client outside' : 'every node'
  return claim({ check, group, name: listener.name, node, origin, target, sources })
}

/** An origin without an address of the target's family cannot ask it. */
const isInFamily = ({ origin, target }: Claim): boolean =>
  addressOf(origin.addresses, familyOf(target.address)) !== undefined

function claim(given: {
  check: Check
  group: string
  name: string
  node: string | undefined
  origin: Origin
  target: Target
  sources: SourceRule
}): Claim {
  const { check, group, name, node, origin, target, sources } = given
  const { address, port } = target
  return {
    check,
    what: `${name} ${formatTarget(target)}`,
    group: familyOf(address) === 'IPv4' ? group : `${group}, IPv6`,
    origin,
    target,
    expectation: { kind: 'answers', backends: [{ address, port, pod: name, node, sources }], spread: 'all' },
    tries: { most: 1, least: 1 },
  }
}
