import { describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { ageText } from './ages.ts'
import { table } from './encoding.ts'
import { storedKinds } from './kinds.ts'

const now = new Date('2020-01-02T00:00:00Z')

function cells(resource: string, object: Json): unknown[] {
  const kind = storedKinds.get(resource)
  if (kind === undefined) throw new Error(resource)
  const shown = { metadata: { name: 'x', creationTimestamp: '2020-01-01T23:59:55Z' }, ...object }
  return table(kind, {}, [shown], { include: 'None', version: 'v1', now, columns: true })['rows'][0].cells
}

const status = (containerStatuses: Json[], more: Json = {}): Json => ({
  spec: { containers: [{ name: 'main' }], nodeName: 'n1' },
  status: { phase: 'Pending', containerStatuses, ...more },
})

describe('cells', () => {
  it.each([
    ['Pending', '0/1', status([])],
    ['ContainerCreating', '0/1', status([{ state: { waiting: { reason: 'ContainerCreating' } } }])],
    ['Running', '1/1', status([{ ready: true, state: { running: {} } }], { phase: 'Running' })],
    ['Completed', '0/1', status([{ state: { terminated: { reason: 'Completed', exitCode: 0 } } }])],
    ['ExitCode:3', '0/1', status([{ state: { terminated: { exitCode: 3 } } }])],
    ['Evicted', '0/1', status([], { phase: 'Failed', reason: 'Evicted' })],
    ['Init:0/2', '0/1', initialising()],
  ])('of a pod: %s', (text, ready, pod) => {
    expect(cells('pods', pod).slice(1, 3)).toEqual([ready, text])
  })

  it('of a pod that is being deleted', () => {
    const pod = { ...status([{ ready: true, state: { running: {} } }]), metadata: { deletionTimestamp: 'x' } }
    expect(cells('pods', pod)[2]).toBe('Terminating')
  })

  it.each([
    ['ClusterIP', ['ClusterIP', '10.43.0.9', '<none>', '80/TCP'], { clusterIP: '10.43.0.9' }, undefined],
    ['headless', ['ClusterIP', 'None', '<none>', '80/TCP'], { clusterIP: 'None' }, undefined],
    ['balanced', ['LoadBalancer', '<none>', '192.0.2.1,b.example', '80/TCP'], { type: 'LoadBalancer' }, ['192.0.2.1']],
    ['pending', ['LoadBalancer', '<none>', '<pending>', '80/TCP'], { type: 'LoadBalancer' }, undefined],
    ['external', ['ExternalName', '<none>', 'db.example', '80/TCP'], external(), undefined],
  ])('of a Service: %s', (_name, expected, spec, ips) => {
    const ingress = ips === undefined ? [] : [{ ip: ips[0] }, { hostname: 'b.example' }]
    const ports = [{ port: 80, protocol: 'TCP' }]
    const object = { spec: { type: 'ClusterIP', ports, ...spec }, status: { loadBalancer: { ingress } } }
    expect(cells('services', object).slice(1, 5)).toEqual(expected)
  })

  it('of a node', () => {
    const conditions = [{ type: 'Ready', status: 'False' }]
    const labels = { 'node-role.kubernetes.io/etcd': '', 'node-role.kubernetes.io/control-plane': '' }
    const node = { metadata: { labels }, spec: { unschedulable: true }, status: { conditions } }
    expect(cells('nodes', node).slice(1, 3)).toEqual(['NotReady,SchedulingDisabled', 'control-plane,etcd'])
  })

  it('of nothing at all, without a crash', () => {
    for (const resource of storedKinds.keys()) expect(cells(resource, {}).length).toBeGreaterThan(1)
  })
})

function initialising(): Json {
  const pod = status([{ state: { waiting: { reason: 'PodInitializing' } } }])
  pod['spec'].initContainers = [{ name: 'a' }, { name: 'b' }]
  pod['status'].initContainerStatuses = [{ state: { running: {} } }]
  return pod
}

function external(): Json {
  return { type: 'ExternalName', externalName: 'db.example' }
}

describe('ages', () => {
  it.each([
    [5, '5s'],
    [119, '119s'],
    [130, '2m10s'],
    [660, '11m'],
    [4 * 3600 + 120, '4h2m'],
    [30 * 3600, '30h'],
    [3 * 86_400 + 7200, '3d2h'],
    [20 * 86_400, '20d'],
    [800 * 86_400, '2y70d'],
  ])('%i seconds: %s', (seconds, text) => {
    expect(ageText(seconds * 1000)).toBe(text)
  })
})
