import { isIPv6 } from 'node:net'
import { hasNameIn, portOf } from '../endpointslice/endpoint.ts'
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../kinds.ts'
import { compareText, isTerminating } from '../objects.ts'
import { isPodFinished, isPodReady } from '../pods.ts'

/** Addresses that an Endpoints object holds at most; the rest is left out (kube-controller-manager, maxCapacity). */
const maxAddresses = 1000

interface Entry {
  address: EndpointAddress
  ready: boolean
  /** The Service's ports as the pod has them, with a text that is equal for equal ones. */
  ports: { port: EndpointPort; key: string }[]
}

/**
 * The subsets of a Service: its pods with the first of its families, in their order of address. Ports that exactly the same addresses have stand
 * together. A pod that terminates is none, unless the Service publishes addresses that are not ready.
 */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const { spec } = service
  const entries: Entry[] = []
  for (const pod of pods) {
    const entry = entryOf(service, pod)
    if (entry !== undefined) entries.push(entry)
  }
  entries.sort((a, b) => Number(b.ready) - Number(a.ready) || compareAddresses(a, b))
  const kept = entries.slice(0, maxAddresses)
  if ((spec.ports ?? []).length > 0) return merged(kept)
  return spec.clusterIP === 'None' && kept.length > 0 ? [subsetOf([], kept)] : []
}

/** How many addresses there would be without the limit. */
export const isOverCapacity = (service: Service, pods: readonly Pod[]): boolean =>
  pods.length > maxAddresses && pods.filter((pod) => entryOf(service, pod) !== undefined).length > maxAddresses

function merged(entries: readonly Entry[]): EndpointSubset[] {
  const byPort = new Map<string, { port: EndpointPort; entries: Entry[] }>()
  for (const entry of entries) {
    for (const { port, key } of entry.ports) {
      const one = byPort.get(key)
      if (one === undefined) byPort.set(key, { port, entries: [entry] })
      else one.entries.push(entry)
    }
  }
  const together: { ports: EndpointPort[]; entries: Entry[] }[] = []
  for (const { port, entries: takers } of byPort.values()) {
    const same = together.find(({ entries }) => areEqual(entries, takers))
    if (same === undefined) together.push({ ports: [port], entries: takers })
    else same.ports.push(port)
  }
  return together.map(({ ports, entries: takers }) => subsetOf(ports, takers))
}

const areEqual = (a: readonly Entry[], b: readonly Entry[]): boolean =>
  a.length === b.length && a.every((entry, at) => entry === b[at])

function subsetOf(ports: EndpointPort[], entries: readonly Entry[]): EndpointSubset {
  const ready = entries.flatMap((entry) => (entry.ready ? [entry.address] : []))
  const notReady = entries.flatMap((entry) => (entry.ready ? [] : [entry.address]))
  return {
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 ? { ports: ports.sort((a, b) => compareText(a.name ?? '', b.name ?? '')) } : {}),
  }
}

/** Objects of the store never change: what was made of a pod for a Service holds. */
const known = new WeakMap<Service, WeakMap<Pod, { entry: Entry | undefined }>>()

function entryOf(service: Service, pod: Pod): Entry | undefined {
  let pods = known.get(service)
  if (pods === undefined) known.set(service, (pods = new WeakMap()))
  const before = pods.get(pod)
  if (before !== undefined) return before.entry
  const entry = newEntry(service, pod)
  pods.set(pod, { entry })
  return entry
}

function newEntry(service: Service, pod: Pod): Entry | undefined {
  const anyway = service.spec.publishNotReadyAddresses === true
  if (isPodFinished(pod) || (isTerminating(pod) && !anyway)) return undefined
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4'
  const ips = pod.status?.podIPs ?? (pod.status?.podIP ? [{ ip: pod.status.podIP }] : [])
  const ip = ips.find((one) => isIPv6(one.ip) === (family === 'IPv6'))?.ip
  if (ip === undefined) return undefined
  const { namespace = '', name, uid } = pod.metadata
  const address = {
    ip,
    ...(hasNameIn(service, pod) ? { hostname: pod.spec.hostname ?? '' } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
  const ports = (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = portOf(servicePort, pod)
    return port === undefined ? [] : [{ port, key: JSON.stringify(port) }]
  })
  return { address, ready: anyway || isPodReady(pod), ports }
}

const compareAddresses = (a: Entry, b: Entry): number =>
  compareText(a.address.ip, b.address.ip) || compareText(a.address.targetRef?.uid ?? '', b.address.targetRef?.uid ?? '')
