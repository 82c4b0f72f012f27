import { followStore } from '../kube/store.ts'
import { namePorts } from '../model/infrastructure.ts'
import { type Family, parseAddress } from '../model/ip.ts'
import { anyContains } from '../model/ranges.ts'
import { apiService, type Service, sameFamily, servicePortKey } from '../model/services.ts'
import type { Subject } from '../reconcile/types.ts'
import type { ServiceNode } from './decode.ts'
import type { NodeFact } from './facts.ts'
import {
  byAddress,
  byExternalPort,
  byKind,
  byNodePort,
  bySlicesService,
  portText,
  type ServiceView,
  serviceCIDRsOf,
} from './view.ts'

/** What belongs to the node as a whole: its addresses, what counts as a pod, the ports that stay its own. */
export const nodeSubject: Subject = '@node'

/** The service CIDRs: a subject of their own, so that they can be written last. */
export const serviceCIDRSubject: Subject = '@service-cidrs'

/** Every Service port of the view, and the node. */
export function* allSubjects(view: ServiceView): Generator<Subject> {
  yield nodeSubject
  yield serviceCIDRSubject
  for (const [key, service] of view.services.entries()) yield* subjectsOf(key, service)
}

export const subjectsOf = (key: string, service: Service | undefined): readonly Subject[] =>
  service?.ports.map(({ name }) => servicePortKey(key, name)) ?? []

/** Calls back with the subjects of one family that a change of the view touches; returns the unsubscribe function. */
export function followView(
  view: ServiceView,
  family: Family,
  touch: (subjects: Iterable<Subject>) => void,
): () => void {
  const stops = [
    followStore(view.services, (changes) => {
      const subjects = new Set<Subject>()
      const api = changes.get(apiService)
      if (api !== undefined) {
        subjects.add(serviceCIDRSubject)
        // What is the API's at such an address hangs on whether it is its ClusterIP (infrastructure.ts, apiPortsAt).
        const clusterIPs = [api.old, api.now].flatMap((service) => service?.clusterIPs ?? [])
        for (const subject of subjectsAt(view, clusterIPs)) subjects.add(subject)
      }
      for (const [key, { old, now }] of changes) {
        for (const service of [old, now]) if (isLivedAt(view, service)) subjects.add(serviceCIDRSubject)
        for (const subject of subjectsOf(key, old)) subjects.add(subject)
        for (const subject of subjectsOf(key, now)) subjects.add(subject)
        for (const subject of rivalsOf(view, old, now)) subjects.add(subject)
      }
      touch(subjects)
    }),
    followStore(view.slices, (changes) => {
      const subjects = new Set<Subject>()
      const infrastructure: string[] = []
      for (const { old, now } of changes.values()) {
        for (const slice of [old, now]) {
          if (slice === undefined) continue
          const key = `${slice.namespace}/${slice.service}`
          // Where the API is in one family its ports stay its own in the other.
          if (key === apiService) {
            for (const subject of askingForNodePorts(view, slice.ports.map(apiPort))) subjects.add(subject)
          }
          if (slice.family !== family) continue
          for (const subject of subjectsOf(key, view.services.get(key))) subjects.add(subject)
          if (key === apiService) infrastructure.push(...slice.endpoints.map(({ address }) => address))
        }
      }
      for (const subject of livingAt(view, infrastructure)) subjects.add(subject)
      touch(subjects)
    }),
    followStore(view.nodes, (changes) => {
      const own = changes.get(view.config.nodeName)
      if (own !== undefined) touch(new Set(allSubjects(view)))
      const moved = [...changes.values()].flatMap(({ old, now }) => movedAddresses(old, now))
      if (own === undefined && moved.length > 0) {
        touch(livingAt(view, moved.filter(sameFamily(family))))
      }
    }),
    followStore(view.facts, (changes) => {
      const facts = [...changes.values()].flatMap(({ old, now }) => [old ?? [], now ?? []].flat())
      if (facts.some((fact) => !('address' in fact))) touch(new Set(allSubjects(view)))
      else {
        const addresses = facts.flatMap((fact) => ('address' in fact ? [fact.address] : []))
        const living = livingAt(view, addresses.filter(sameFamily(family)))
        touch(new Set([nodeSubject, ...living, ...askingForNodePorts(view, ownPorts(view, facts))]))
      }
    }),
    followStore(view.serviceCIDRs, () => touch(new Set(allSubjects(view)))),
  ]
  return () => stops.forEach((stop) => stop())
}

/** A ClusterIP by which nodes live as well: whether its range may be dropped hangs on it (node-entry.ts). */
const isLivedAt = (view: ServiceView, service: Service | undefined): boolean =>
  service?.clusterIPs.some(
    (address) =>
      view.facts.keysByIndex(byAddress, address).length > 0 ||
      view.nodes.keysByIndex(byAddress, address).length > 0 ||
      isAPI(view, address),
  ) ?? false

const isAPI = ({ slices }: ServiceView, address: string): boolean =>
  slices.byIndex(bySlicesService, apiService).some(({ endpoints }) => endpoints.some((one) => one.address === address))

function movedAddresses(old: ServiceNode | undefined, now: ServiceNode | undefined): readonly string[] {
  const before = old?.addresses ?? []
  const after = now?.addresses ?? []
  return before.join() === after.join() ? [] : [...before, ...after]
}

/** Ports of the Services that have, or want, one of these addresses. */
function subjectsAt(view: ServiceView, addresses: readonly string[]): Set<Subject> {
  const subjects = new Set<Subject>()
  for (const address of addresses) {
    for (const key of view.services.keysByIndex(byAddress, address)) {
      for (const subject of subjectsOf(key, view.services.get(key))) subjects.add(subject)
    }
  }
  return subjects
}

/** The same, and the service CIDRs if they hold one: whether they may be dropped hangs on who lives there (node-entry.ts). */
function livingAt(view: ServiceView, addresses: readonly string[]): Set<Subject> {
  const subjects = subjectsAt(view, addresses)
  const cidrs = serviceCIDRsOf(view)
  const inside = addresses.map(parseAddress).some((address) => address !== undefined && anyContains(cidrs, address))
  return inside ? subjects.add(serviceCIDRSubject) : subjects
}

/** Node ports that are names' or the API's where one of these facts, or a fact that they meet, makes them so (infrastructure.ts, ownApiPorts and isOwnNameServer). */
function ownPorts(view: ServiceView, facts: readonly NodeFact[]): string[] {
  const names = Array.from(namePorts, (port) => [portText(port, 'TCP'), portText(port, 'UDP')]).flat()
  const known = [...facts, ...view.facts.byIndex(byKind, 'api')]
  const api = known.flatMap((fact) => (fact.kind === 'api' ? [apiPort(fact)] : []))
  const slices = view.slices.byIndex(bySlicesService, apiService)
  return [...names, ...api, ...slices.flatMap(({ ports }) => ports.map(apiPort))]
}

const apiPort = ({ port }: { port: number }): string => portText(port, 'TCP')

/** @param ports as portText has them */
function* askingForNodePorts(view: ServiceView, ports: Iterable<string>): Generator<Subject> {
  for (const port of new Set(ports)) {
    for (const key of view.services.keysByIndex(byNodePort, port)) yield* subjectsOf(key, view.services.get(key))
  }
}

/** Those that ask for a port of a Node's address that was, or is now, a node port of this Service; and the other way round. */
function* rivalsOf(view: ServiceView, old: Service | undefined, now: Service | undefined): Generator<Subject> {
  for (const service of [old, now]) {
    if (service === undefined) continue
    for (const { nodePort, port, protocol } of service.ports) {
      const rivals = nodePort === 0 ? [] : view.services.keysByIndex(byExternalPort, portText(nodePort, protocol))
      const others = hasExternal(service) ? view.services.keysByIndex(byNodePort, portText(port, protocol)) : []
      for (const key of [...rivals, ...others]) yield* subjectsOf(key, view.services.get(key))
    }
  }
}

const hasExternal = ({ externalIPs, loadBalancerIPs }: Service): boolean =>
  externalIPs.length + loadBalancerIPs.length > 0
