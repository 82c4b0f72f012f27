import {
  allContainers,
  type Container,
  isSidecar,
  type Pod,
  runsCommand,
  type Service,
  type ServicePort,
} from './pod.ts'

/** A port on which a pod's echo server listens. */
export interface EchoPort {
  protocol: 'TCP' | 'UDP' | 'SCTP'
  port: number
  /** The container that is stood in for: its log tells of the requests. */
  container: string
}

/**
 * The ports that a pod's echo server serves: those that its containers declare, and the target ports of the Services that select it
 * (an image may well listen on a port that nobody declared). A container that runs a program of its own serves its ports itself.
 *
 * @param services Services of the pod's namespace
 */
export function echoPorts(pod: Pod, services: Iterable<Service>): EchoPort[] {
  const staying = stayingContainers(pod)
  const [first] = staying.filter((container) => !runsCommand(container))
  if (first === undefined) return []
  const taken = new Set(staying.filter(runsCommand).flatMap(portsOf).map(keyOf))
  const found = new Map<string, EchoPort>()
  const add = (port: number | undefined, protocol = 'TCP', container = first.name) => {
    if (port === undefined || !isServed(protocol)) return
    const key = keyOf({ port, protocol })
    if (!taken.has(key) && !found.has(key)) found.set(key, { protocol, port, container })
  }
  for (const container of staying)
    if (!runsCommand(container))
      for (const { port, protocol } of portsOf(container)) add(port, protocol, container.name)
  for (const service of services) {
    if (!selects(service, pod)) continue
    for (const port of service.spec.ports ?? []) add(targetPortOf(port, staying), port.protocol)
  }
  return [...found.values()]
}

const isServed = (protocol: string): protocol is EchoPort['protocol'] => ['TCP', 'UDP', 'SCTP'].includes(protocol)

/** Those that run as long as the pod does. */
const stayingContainers = (pod: Pod): Container[] => {
  const sidecars = allContainers(pod).filter(isSidecar)
  return [...pod.spec.containers, ...sidecars.filter((container) => !pod.spec.containers.includes(container))]
}

const portsOf = ({ ports = [] }: Container) =>
  ports.map(({ containerPort, protocol = 'TCP' }) => ({ port: containerPort, protocol }))

const keyOf = ({ port, protocol }: { port: number; protocol: string }): string => `${protocol}/${port}`

/** Services without a selector select nothing (their endpoints are written by hand). */
function selects(service: Service, pod: Pod): boolean {
  const selector = Object.entries(service.spec.selector ?? {})
  const labels = pod.metadata.labels ?? {}
  if (selector.length === 0 || service.metadata.namespace !== pod.metadata.namespace) return false
  return selector.every(([key, value]) => labels[key] === value)
}

function targetPortOf(service: ServicePort, containers: Container[]): number | undefined {
  const { port, targetPort = port, protocol = 'TCP' } = service
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort
  const declared = containers.flatMap(({ ports = [] }) => ports)
  return declared.find((one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol)?.containerPort
}
