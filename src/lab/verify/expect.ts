import type { Pod } from '../../kube/types.ts'
import { expectServices } from './expect-services.ts'
import { isReady, type LabFacts, type Origins, originsOf, type PodOrigin } from './origins.ts'
import { sampleOrigins } from './sample.ts'
import { keptSource } from './sources.ts'
import {
  type Claim,
  type Claims,
  type ClusterObjects,
  formatTarget,
  nameOf,
  type Omission,
  type Target,
} from './types.ts'

/**
 * What the API's objects claim, as things to try: from where, where to, how often, and what should come back. Pure; by
 * rules of verify's own, shared with nothing that programs a kernel.
 *
 * @param seed which pods ask which, in a lab too large for all of them
 */
export function expectAll(objects: ClusterObjects, lab: LabFacts, seed = 0): Claims {
  const origins = originsOf(objects, lab)
  const pods = expectPods(objects, origins, seed)
  const services = expectServices(objects, origins)
  return {
    claims: [...pods.claims, ...services.claims],
    omissions: [...pods.omissions, ...services.omissions],
  }
}

/** Every Ready pod reaches every other one at its own address, with its own source. */
function expectPods(objects: ClusterObjects, origins: Origins, seed: number): Claims {
  const claims: Claim[] = []
  const omissions: Omission[] = []
  for (const pod of objects.pods.filter(isReady)) {
    const target = targetOf(pod)
    if (typeof target === 'string') omissions.push({ check: 'pod → pod', what: nameOf(pod), reason: target })
    else claims.push(...expectPod(pod, target, sampleOrigins(origins.pods, nameOf(pod), seed)))
  }
  return { claims, omissions }
}

function expectPod(pod: Pod, target: Target, origins: readonly PodOrigin[]): Claim[] {
  const name = nameOf(pod)
  return origins.map((origin) => ({
    check: 'pod → pod',
    what: `${name} ${formatTarget(target)}`,
    group: 'every Ready pod',
    origin,
    target,
    expectation: {
      kind: 'answers',
      backends: [{ ...target, pod: name, node: pod.spec.nodeName, sources: keptSource(origin) }],
      spread: 'all',
    },
    tries: { most: 1, least: 1 },
  }))
}

/** A declared port of a pod, TCP before UDP; or why there is none to try. */
function targetOf(pod: Pod): Target | string {
  if (pod.spec.hostNetwork === true) return 'it has no address of its own (hostNetwork)'
  const address = pod.status?.podIP
  if (address === undefined) return 'it has no address'
  const ports = (pod.spec.containers ?? []).flatMap((container) => container.ports ?? [])
  const tcp = ports.find((port) => (port.protocol ?? 'TCP') === 'TCP')
  if (tcp !== undefined) return { address, port: tcp.containerPort, protocol: 'TCP' }
  const udp = ports.find((port) => port.protocol === 'UDP')
  if (udp !== undefined) return { address, port: udp.containerPort, protocol: 'UDP' }
  return ports.length === 0 ? 'it declares no port' : 'it declares SCTP ports only'
}
