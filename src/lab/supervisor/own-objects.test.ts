import { expect, it } from 'vitest'
import type { KubeObject } from '../api/types.ts'
import { parseManifest } from '../manifests.ts'
import { ownObjects } from './own-objects.ts'

it('counts pods on the own nodes and the workloads of the own manifests', () => {
  const text = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n'
  const counts = ownObjects(parseManifest('f.yaml', text), new Set(['lab-1']))
  const object = (name: string, namespace: string, nodeName?: string) =>
    ({ metadata: { name, namespace }, spec: { nodeName } }) as unknown as KubeObject
  expect(counts('pods', object('a', 'x', 'lab-1'))).toBe(true)
  expect(counts('pods', object('a', 'x', 'node1'))).toBe(false)
  expect(counts('pods', object('a', 'x'))).toBe(false)
  expect(counts('deployments', object('web', 'shop'))).toBe(true)
  expect(counts('deployments', object('web', 'other'))).toBe(false)
  expect(counts('statefulsets', object('web', 'shop'))).toBe(false)
})
