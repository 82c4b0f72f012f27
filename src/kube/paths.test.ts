import { describe, expect, it } from 'vitest'
import { resourcePath } from './paths.ts'

describe('resourcePath', () => {
  it.each([
    [{ version: 'v1', resource: 'services' }, '/api/v1/services'],
    [{ group: '', version: 'v1', resource: 'nodes', name: 'n1', subresource: 'status' }, '/api/v1/nodes/n1/status'],
    [
      { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', namespace: 'default', name: 'web-1' },
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-1',
    ],
    [
      { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', name: 'system:node/x' },
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode%2Fx',
    ],
  ])('%j', (ref, path) => {
    expect(resourcePath(ref)).toBe(path)
  })
})
