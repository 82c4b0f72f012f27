import type { Pod, Service, ServicePort } from './pod.ts'

/** A port on which a pod's echo server listens. */
export interface EchoPort {
  protocol: 'TCP' | 'UDP'
  port: number
}

/**
 * The ports that a pod serves: those that its containers declare, and the target ports of the Services that select it
 * (an image may well listen on a port that nobody declared). SCTP is not served.
 *
 * @param services Services of the pod's namespace
 */
export function echoPorts(pod: Pod, services: Iterable<Service>): EchoPort[] {
  const found = new Map<string, EchoPort>()
  const add = (protocol: string | undefined, port: number | undefined) => {
    const served = protocol ?? 'TCP'
    if (port === undefined || (served !== 'TCP' && served !== 'UDP')) return
    found.set(`${served}/${port}`, { protocol: served, port })
  }
  for (const { containerPort, protocol } of declaredPorts(pod)) add(protocol, containerPort)
  for (const service of services) {
    if (!selects(service, pod)) continue
    for (const port of service.spec.ports ?? []) add(port.protocol, targetPortOf(port, pod))
  }
  return [...found.values()]
}

const declaredPorts = (pod: Pod) => pod.spec.containers.flatMap((container) => container.ports ?? [])

/** Services without a selector select nothing (their endpoints are written by hand). */
function selects(service: Service, pod: Pod): boolean {
  const selector = Object.entries(service.spec.selector ?? {})
  const labels = pod.metadata.labels ?? {}
  if (selector.length === 0 || service.metadata.namespace !== pod.metadata.namespace) return false
  return selector.every(([key, value]) => labels[key] === value)
}

function targetPortOf({ port, targetPort = port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort
  const named = declaredPorts(pod).find((declared) => {
    return declared.name === targetPort && (declared.protocol ?? 'TCP') === protocol
  })
  return named?.containerPort
}
