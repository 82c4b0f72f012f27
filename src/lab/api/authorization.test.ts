import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { accessError, admin, anonymous, mayDoAll, type User } from './authorization.ts'

const low: User = { name: 'low', groups: ['system:authenticated'] }

const words = (user: User, method: string, path: string): string | undefined =>
  accessError(user, { method } as IncomingMessage, new URL(path, 'https://api'))?.status.message

describe('who may do what', () => {
  it.each([
    [
      'GET',
      '/api/v1/nodes',
      'nodes is forbidden: User "low" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'GET',
      '/api/v1/watch/namespaces/a/pods',
      'pods is forbidden: User "low" cannot watch resource "pods" in API group "" in the namespace "a"',
    ],
    [
      'DELETE',
      '/apis/apps/v1/namespaces/a/deployments',
      'deployments.apps is forbidden: User "low" cannot deletecollection resource "deployments" in API group "apps" in the namespace "a"',
    ],
    [
      'PATCH',
      '/api/v1/namespaces/a/pods/p/status',
      'pods "p" is forbidden: User "low" cannot patch resource "pods/status" in API group "" in the namespace "a"',
    ],
    [
      'DELETE',
      '/api/v1/namespaces/a',
      'namespaces "a" is forbidden: User "low" cannot delete resource "namespaces" in API group "" at the cluster scope',
    ],
    ['GET', '/metrics', 'forbidden: User "low" cannot get path "/metrics"'],
  ])('%s %s is refused to one without a role', (method, path, expected) => {
    expect(words(low, method, path)).toBe(expected)
    expect(words(admin, method, path)).toBeUndefined()
  })

  it('lets service accounts do everything, since no role is evaluated', () => {
    const robot: User = {
      name: 'system:serviceaccount:a:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    }
    expect(words(robot, 'DELETE', '/api/v1/namespaces/b')).toBeUndefined()
    expect(mayDoAll({ name: robot.name, groups: [] })).toBe(true)
    expect(mayDoAll({ name: 'system:serviceaccount:a', groups: [] })).toBe(false)
  })

  it.each([
    ['GET', '/apis'],
    ['GET', '/apis/apps/v1'],
    ['GET', '/openapi/v3'],
    ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'],
  ])('%s %s is for everyone who has a name', (method, path) => {
    expect(words(low, method, path)).toBeUndefined()
    expect(words(anonymous, method, path)).toContain('User "system:anonymous" cannot')
  })
})
