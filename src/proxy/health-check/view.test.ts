import { describe, expect, it } from 'vitest'
import type { SliceEndpoint } from '../../model/endpoints.ts'
import type { Service } from '../../model/services.ts'
import { defaultServiceConfig } from '../config.ts'
import { makeServiceView } from '../view.ts'
import { healthCheckPorts } from './view.ts'

const view = makeServiceView({ ...defaultServiceConfig, nodeName: 'n1' })

function service(name: string, over: Partial<Service> = {}): void {
  view.services.set(`shop/${name}`, {
    namespace: 'shop',
    name,
    createdMs: 1,
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32000,
    clusterIPs: ['10.43.0.10', 'fd43::10'],
    externalIPs: [],
    loadBalancerIPs: [],
    ports: [],
    ...over,
  } as unknown as Service)
}

const endpoint = (address: string, over: Partial<SliceEndpoint> = {}): SliceEndpoint => ({
  address,
  ready: true,
  serving: true,
  terminating: false,
  nodeName: 'n1',
  ...over,
})

function slice(name: string, of: string, endpoints: SliceEndpoint[], family: 'IPv4' | 'IPv6' = 'IPv4'): void {
  view.slices.set(`shop/${name}`, { namespace: 'shop', name, service: of, family, ports: [], endpoints })
}

describe('health checks', () => {
  it('are those of load balancers with policy Local, the oldest first', () => {
    service('young', { createdMs: 3 })
    service('old', { createdMs: 2 })
    service('cluster', { externalTrafficPolicy: 'Cluster' })
    service('none', { healthCheckNodePort: 0 })
    service('node-port', { type: 'NodePort' })
    expect(healthCheckPorts(view, 'IPv4')).toEqual([
      { service: 'shop/old', port: 32000, localEndpoints: 0 },
      { service: 'shop/young', port: 32000, localEndpoints: 0 },
    ])
    view.services.replaceAll([])
  })

  it('are asked over the families of the Service alone', () => {
    service('four', { clusterIPs: ['10.43.0.11'] })
    expect(healthCheckPorts(view, 'IPv4').map(({ service }) => service)).toEqual(['shop/four'])
    expect(healthCheckPorts(view, 'IPv6')).toEqual([])
    view.services.replaceAll([])
  })

  it('count the ready endpoints of this node and family by address', () => {
    service('web')
    slice('a', 'web', [
      endpoint('10.42.0.1'),
      endpoint('10.42.0.2', { ready: false }),
      endpoint('10.42.0.3', { terminating: true }),
      endpoint('10.42.0.4', { nodeName: 'n2' }),
    ])
    slice('b', 'web', [endpoint('10.42.0.1'), endpoint('10.42.0.5')])
    slice('c', 'web', [endpoint('fd42::1')], 'IPv6')
    slice('d', 'other', [endpoint('10.42.0.6')])
    expect(healthCheckPorts(view, 'IPv4')[0]?.localEndpoints).toBe(2)
    expect(healthCheckPorts(view, 'IPv6')[0]?.localEndpoints).toBe(1)
  })
})
