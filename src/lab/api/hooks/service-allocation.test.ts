import { beforeEach, describe, expect, it } from 'vitest'
import type { Json } from '../access.ts'
import { StatusError } from '../status.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'

let store: MemoryStore

beforeEach(() => {
  store = new MemoryStore()
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
})

const create = (spec: Json): KubeObject =>
  store.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { type: 'NodePort', ...spec },
  })

function update(spec: Json): KubeObject {
  const old = structuredClone(store.get('services', 'default', 'web')) as KubeObject
  return store.update('services', { ...old, spec: { ...old['spec'], ...spec } })
}

const nodePorts = (service: KubeObject): number[] => service['spec'].ports.map(({ nodePort }: Json) => nodePort)

function refusal(action: () => unknown): { code: number; message?: string } {
  try {
    action()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('it was not refused')
}

const dns = [
  { name: 'tcp', port: 53 },
  { name: 'udp', port: 53, protocol: 'UDP' },
]

describe('node ports', () => {
  it('stay with the name of a port, whatever its number becomes', () => {
    const [number] = nodePorts(create({ ports: [{ port: 80 }] }))
    expect(nodePorts(update({ ports: [{ port: 81 }] }))).toEqual([number])
    expect(nodePorts(update({ ports: [{ name: 'web', port: 81 }] }))).not.toEqual([number])
    expect(store.allocations.portError(number ?? 0)).toBeUndefined()
  })

  it('are one for two protocols of a new Service, two for ports that come later', () => {
    const [tcp, udp] = nodePorts(create({ ports: dns }))
    expect(tcp).toBe(udp)
    store.remove('services', 'default', 'web')
    const [before] = nodePorts(create({ ports: dns.slice(0, 1) }))
    const [first, second] = nodePorts(update({ ports: dns }))
    expect(first).toBe(before)
    expect(second).not.toBe(before)
  })

  it('may not be there twice', () => {
    const twice = [
      { name: 'a', port: 80, nodePort: 30_080 },
      { name: 'b', port: 81, nodePort: 30_080 },
    ]
    expect(refusal(() => create({ ports: twice }))).toMatchObject({ code: 422 })
    create({ ports: twice.slice(0, 1) })
    expect(refusal(() => update({ ports: twice }))).toMatchObject({
      code: 500,
      message: 'duplicate nodePort: {TCP 30080}',
    })
  })

  it('are not what the health check has', () => {
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }
    const ports = [{ port: 80, nodePort: 30_090 }]
    const words = 'failed to allocate requested HealthCheck NodePort 30090: provided port is already allocated'
    expect(refusal(() => create({ ...local, ports, healthCheckNodePort: 30_090 })).message).toContain(words)
    const { spec } = create({ ...local, ports })
    expect(spec.healthCheckNodePort).not.toBe(30_090)
  })

  it('are left out of a load balancer that wants none, and come when it does', () => {
    const balancer = { type: 'LoadBalancer', ports: [{ port: 80 }] }
    expect(nodePorts(create({ ...balancer, allocateLoadBalancerNodePorts: false }))).toEqual([undefined])
    const [number] = nodePorts(update({ allocateLoadBalancerNodePorts: true }))
    expect(number).toBeGreaterThanOrEqual(30_000)
    expect(nodePorts(update({ allocateLoadBalancerNodePorts: false }))).toEqual([number])
    expect(nodePorts(update({ ports: [{ port: 80 }] }))).toEqual([undefined])
  })
})

describe('a Service that was an ExternalName', () => {
  it('keeps the name, with a warning, unless it is taken away', () => {
    create({ type: 'ExternalName', externalName: 'db.example', ports: [{ port: 80 }] })
    const { spec } = update({ type: 'ClusterIP' })
    expect(spec.externalName).toBe('db.example')
    expect(store.kinds.storedKind('services')?.warnings?.({ spec })).toContain(
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    )
  })
})
