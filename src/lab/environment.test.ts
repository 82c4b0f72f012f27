import { expect, it } from 'vitest'
import { labEnvironment } from './environment.ts'

it('leaves out what is meant for K3s on this machine', () => {
  const env = { PATH: '/bin', K3S_CONFIG_FILE: '/etc/rancher/k3s/config.yaml', K3S_NODE_NAME: 'a', KUBECONFIG: 'x' }
  expect(labEnvironment(env)).toEqual({ PATH: '/bin', KUBECONFIG: 'x' })
})
