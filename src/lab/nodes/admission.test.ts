import { describe, expect, it } from 'vitest'
import { rejectionOf } from './admission.ts'
import type { Pod } from './pod.ts'

const pod = (port: object, more: Partial<Pod> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, ...port }] }] },
  ...more,
})
const metadata = { name: 'p', namespace: 'default', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' }
const taken = pod({ hostPort: 80 })

describe('a pod that is bound to a node', () => {
  it('is rejected in the words of a kubelet where a host port is taken', () => {
    expect(rejectionOf(pod({ hostPort: 80 }), [pod({}), taken])).toEqual({
      reason: 'NodePorts',
      message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    })
  })

  it.each<[string, Pod, Pod]>([
    ['asks for no port of the node', pod({}), taken],
    ['asks for another one', pod({ hostPort: 81 }), taken],
    ['asks for another protocol', pod({ hostPort: 80, protocol: 'UDP' }), taken],
    ['follows one that has ended', pod({ hostPort: 80 }), pod({ hostPort: 80 }, { status: { phase: 'Failed' } })],
    ['runs already', pod({ hostPort: 80 }, { status: { phase: 'Running' } }), taken],
    ['is being deleted', pod({ hostPort: 80 }, { metadata }), taken],
  ])('is taken where it %s', (_, one, other) => {
    expect(rejectionOf(one, [other])).toBeUndefined()
  })
})
