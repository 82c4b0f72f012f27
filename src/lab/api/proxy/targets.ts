import { isIP } from 'node:net'
import { listOf, mapOf, textOf } from '../access.ts'
import { badRequest, notFound, StatusError } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import type { DialTarget } from './dial.ts'
import { kubeletOf } from './kubelet.ts'
import type { ConnectRequest } from './request.ts'

/** Where a proxied request goes. */
export interface ProxyTarget extends DialTarget {
  tls: boolean
  /** The kubelet itself, which wants to know who asks. */
  kubelet: boolean
}

/** `https:web:8443` is scheme, name and port; scheme and port may be left out (apimachinery: SplitSchemeNamePort). */
function parts(text: string): { tls: boolean; name: string; port: string } | undefined {
  const [one = '', two, three, ...more] = text.split(':')
  if (more.length > 0) return undefined
  if (three === undefined) return { tls: false, name: one, port: two ?? '' }
  if ((one !== '' && one !== 'http' && one !== 'https') || two === undefined) return undefined
  return { tls: one === 'https', name: two, port: three }
}

const kinds = {
  pods: { group: '', plural: 'pods', kind: 'Pod' },
  services: { group: '', plural: 'services', kind: 'Service' },
  nodes: { group: '', plural: 'nodes', kind: 'Node' },
} as const
const singular = { pods: 'pod', services: 'service', nodes: 'node' } as const

/** @throws StatusError 400, 404, 503, in the words of a real server (pkg/registry/core/{pod,service,node}) */
export function proxyTarget(store: MemoryStore, { resource, namespace, name }: ConnectRequest): ProxyTarget {
  const asked = parts(name)
  if (asked === undefined || asked.name === '') throw badRequest(`invalid ${singular[resource]} request "${name}"`)
  const object = store.get(resource, namespace || undefined, asked.name)
  if (object === undefined) throw notFound(kinds[resource], asked.name)
  if (resource === 'pods') return { ...ofPod(object, asked.port), tls: asked.tls, kubelet: false }
  if (resource === 'services') return { ...ofService(store, object, asked.port), tls: asked.tls, kubelet: false }
  const kubelet = kubeletOf(object)
  const toKubelet = asked.port === '' || Number(asked.port) === kubelet.port
  return {
    ...kubelet,
    port: toKubelet ? kubelet.port : Number(asked.port),
    tls: asked.tls || toKubelet,
    kubelet: toKubelet,
  }
}

function ofPod(pod: KubeObject, asked: string): DialTarget {
  const port = asked === '' ? firstPort(pod) : asked
  const address = textOf(mapOf(pod['status'])['podIP'])
  if (isIP(address) === 0) throw badRequest('address not allowed')
  return { address, port: portNumber(port) }
}

const firstPort = (pod: KubeObject): string => {
  const declared = listOf(mapOf(pod['spec'])['containers']).flatMap(({ ports }) => listOf(ports))
  return String(declared[0]?.['containerPort'] ?? 80)
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw badRequest(`invalid port "${text}"`)
  return port
}

function ofService(store: MemoryStore, service: KubeObject, asked: string): DialTarget {
  const { namespace = '', name } = service.metadata
  const ports = listOf(mapOf(service['spec'])['ports'])
  const found = ports.find((port) => asked === '' || port['name'] === asked || String(port['port']) === asked)
  if (found === undefined) throw unavailable(`no service port "${asked}" found for service "${name}"`)
  const slices = store.list('endpointslices', namespace).filter(({ metadata }) => {
    return metadata.labels?.['kubernetes.io/service-name'] === name
  })
  const targets = slices.flatMap((slice) => readyTargets(slice, textOf(found['name'])))
  const target = targets[Math.floor(Math.random() * targets.length)]
  if (target === undefined) throw unavailable(`no endpoints available for service "${name}"`)
  return target
}

function readyTargets(slice: KubeObject, portName: string): DialTarget[] {
  const port: unknown = listOf(slice['ports']).find((entry) => textOf(entry['name']) === portName)?.['port']
  if (typeof port !== 'number') return []
  const ready = listOf(slice['endpoints']).filter(({ conditions }) => mapOf(conditions)['ready'] !== false)
  return ready
    .flatMap(({ addresses }) => (Array.isArray(addresses) ? addresses : []).slice(0, 1))
    .map((address) => {
      return { address: textOf(address), port }
    })
}

const unavailable = (message: string): StatusError => new StatusError(503, 'ServiceUnavailable', message)
