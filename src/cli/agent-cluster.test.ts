import { describe, expect, it } from 'vitest'
import { checkClusterNamed } from './agent-cluster.ts'

describe('checkClusterNamed', () => {
  it('takes a file, or the service account of a pod', () => {
    expect(() => checkClusterNamed('/etc/rancher/k3s/k3s.yaml', {})).not.toThrow()
    expect(() => checkClusterNamed(undefined, { KUBERNETES_SERVICE_HOST: '10.43.0.1' })).not.toThrow()
  })

  it("does not take the cluster of somebody's shell", () => {
    const environment = { KUBECONFIG: '/var/lib/weft/labs/lab/kubeconfig' }
    expect(() => checkClusterNamed(undefined, environment)).toThrow('which cluster this node belongs to is not said')
  })
})
