import { expect, it } from 'vitest'
import { TestCluster } from '../test-cluster.ts'

it('every namespace gets its ServiceAccount and the certificate authority, and gets them again', () => {
  const cluster = new TestCluster({ rootCA: 'PEM' })
  cluster.store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  cluster.settle()
  cluster.store.remove('serviceaccounts', 'shop', 'default')
  cluster.settle()
  expect(cluster.store.get('serviceaccounts', 'shop', 'default')).toBeDefined()
  expect(cluster.store.get('configmaps', 'shop', 'kube-root-ca.crt')?.['data']).toEqual({ 'ca.crt': 'PEM' })
  cluster.store.remove('namespaces', undefined, 'shop')
  cluster.settle()
  expect(cluster.store.list('configmaps', 'shop')).toEqual([])
})
