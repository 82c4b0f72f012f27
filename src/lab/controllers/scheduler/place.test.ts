import { describe, expect, it } from 'vitest'
import type { Node, Pod, PodSpec, Taint } from '../kinds.ts'
import { placePod } from './place.ts'

const metadata = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }

interface NodeFacts {
  labels?: Record<string, string>
  taints?: Taint[]
  unschedulable?: boolean
  ready?: 'True' | 'False' | 'Unknown'
}

const node = (
  name: string,
  { labels = {}, taints = [], unschedulable = false, ready = 'True' }: NodeFacts = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...metadata, name, labels },
  spec: { taints, unschedulable },
  status: { conditions: [{ type: 'Ready', status: ready }] },
})

const pod = (owner: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata,
    name: 'p',
    ownerReferences:
      owner === '' ? [] : [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
  },
  spec: { containers: [], ...spec },
})

const place = (wanted: Pod, nodes: Node[], bound: Pod[] = []) =>
  placePod(wanted, nodes, (name) => bound.filter(({ spec }) => spec.nodeName === name))

describe('spreading', () => {
  const nodes = [node('n1'), node('n2'), node('n3')]
  it('goes where the fewest of the same owner are, whatever else is there', () => {
    const bound = [
      pod('a', { nodeName: 'n1' }),
      ...Array.from({ length: 5 }, () => pod('b', { nodeName: 'n2' })),
      pod('a', { nodeName: 'n3' }),
    ]
    expect(place(pod('a'), nodes, bound)).toEqual({ nodeName: 'n2' })
  })
  it('then where the fewest pods are, then by name', () => {
    expect(place(pod('a'), nodes, [pod('b', { nodeName: 'n1' })])).toEqual({ nodeName: 'n2' })
    expect(place(pod(''), nodes, [pod('', { nodeName: 'n1' }), pod('', { nodeName: 'n2' })])).toEqual({
      nodeName: 'n3',
    })
  })
  it('does not count pods that leave', () => {
    const leaving = pod('a', { nodeName: 'n1' })
    leaving.metadata.deletionTimestamp = metadata.creationTimestamp
    expect(place(pod('a'), nodes, [leaving, pod('a', { nodeName: 'n2' }), pod('a', { nodeName: 'n3' })])).toEqual({
      nodeName: 'n1',
    })
  })
})

describe('nodes that are out of the question', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' }
  const tail = (total: number) =>
    `no new claims to deallocate, preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`
  it.each<[string, Node, Pod, string]>([
    ['cordoned', node('n1', { unschedulable: true }), pod(''), '1 node(s) were unschedulable'],
    ['not ready', node('n1', { ready: 'False' }), pod(''), '1 node(s) had untolerated taint(s)'],
    ['lost', node('n1', { ready: 'Unknown' }), pod(''), '1 node(s) had untolerated taint(s)'],
    ['tainted', node('n1', { taints: [taint] }), pod(''), '1 node(s) had untolerated taint(s)'],
    [
      'tainted NoExecute',
      node('n1', { taints: [{ ...taint, effect: 'NoExecute' }] }),
      pod(''),
      '1 node(s) had untolerated taint(s)',
    ],
    [
      'not selected',
      node('n1'),
      pod('', { nodeSelector: { disk: 'ssd' } }),
      "1 node(s) didn't match Pod's node affinity/selector",
    ],
  ])('%s', (_what, one, wanted, reason) => {
    expect(place(wanted, [one])).toEqual({ message: `0/1 nodes are available: ${reason}. ${tail(1)}` })
  })

  it('counts the reasons', () => {
    const nodes = [
      node('n1', { unschedulable: true }),
      node('n2', { taints: [taint] }),
      node('n3', { taints: [taint] }),
    ]
    expect(place(pod(''), nodes)).toEqual({
      message: `0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s). ${tail(3)}`,
    })
    expect(place(pod(''), [])).toEqual({ message: 'no nodes available to schedule pods' })
  })
})

describe('what makes a node possible', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' }
  it.each<[string, Node, Partial<PodSpec>]>([
    ['a toleration', node('n1', { taints: [taint] }), { tolerations: [{ key: 'k', operator: 'Equal', value: 'v' }] }],
    [
      'a toleration of everything',
      node('n1', { taints: [taint], unschedulable: true, ready: 'False' }),
      { tolerations: [{ operator: 'Exists' }] },
    ],
    ['a taint that only prefers', node('n1', { taints: [{ ...taint, effect: 'PreferNoSchedule' }] }), {}],
    ['the selected label', node('n1', { labels: { disk: 'ssd' } }), { nodeSelector: { disk: 'ssd' } }],
    [
      'required affinity by name',
      node('n1'),
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{}, { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
            },
          },
        },
      },
    ],
  ])('%s', (_what, one, spec) => {
    expect(place(pod('', spec), [one])).toEqual({ nodeName: 'n1' })
  })
})

describe('host ports', () => {
  const withPort = (hostPort: number, protocol: string, nodeName?: string, hostIP?: string): Pod =>
    pod('', {
      ...(nodeName === undefined ? {} : { nodeName }),
      containers: [
        { name: 'c', ports: [{ containerPort: 80, hostPort, protocol, ...(hostIP === undefined ? {} : { hostIP }) }] },
      ],
    })
  it('are held by one pod on a node', () => {
    const taken = withPort(80, 'TCP', 'n1')
    expect(place(withPort(80, 'TCP'), [node('n1')], [taken])).toMatchObject({
      message: expect.stringContaining('free ports'),
    })
    expect(place(withPort(80, 'TCP'), [node('n1'), node('n2')], [taken])).toEqual({ nodeName: 'n2' })
    expect(place(withPort(80, 'UDP'), [node('n1')], [taken])).toEqual({ nodeName: 'n1' })
  })
  it('are free again when the pod is finished', () => {
    const finished = { ...withPort(80, 'TCP', 'n1'), status: { phase: 'Succeeded' } }
    expect(place(withPort(80, 'TCP'), [node('n1')], [finished])).toEqual({ nodeName: 'n1' })
  })
  it('of sidecars count, those of init containers that end do not', () => {
    const init = (restartPolicy?: string): Pod => {
      const { spec, ...rest } = withPort(80, 'TCP', 'n1')
      const initContainers = spec.containers.map((one) => ({ ...one, ...(restartPolicy && { restartPolicy }) }))
      return { ...rest, spec: { ...spec, containers: [], initContainers } }
    }
    expect(place(withPort(80, 'TCP'), [node('n1')], [init('Always')])).toHaveProperty('message')
    expect(place(withPort(80, 'TCP'), [node('n1')], [init()])).toEqual({ nodeName: 'n1' })
  })
  it('clash on the same address only', () => {
    expect(
      place(withPort(80, 'TCP', undefined, '10.0.0.1'), [node('n1')], [withPort(80, 'TCP', 'n1', '10.0.0.2')]),
    ).toEqual({ nodeName: 'n1' })
  })
})
