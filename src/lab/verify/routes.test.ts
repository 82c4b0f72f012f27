import { describe, expect, it } from 'vitest'
import { originsOf } from './origins.ts'
import { routesFor } from './routes.ts'
import { endpoint, lab, objects, pod, service, slice } from './testing.ts'

const b = pod('b', '10.42.1.5')

describe('routesFor', () => {
  const routes = (given: ReturnType<typeof objects>, taken: string[] = []) =>
    routesFor(given, originsOf(given, lab), taken).map(({ address, node, via }) => `${address} ${node} ${via}`)

  it('leads each external address to a node, in its family', () => {
    const given = objects({ services: [service({ externalIPs: ['203.0.113.9', '2001:db8:0::9'] })] })
    expect(routes(given)).toEqual(['203.0.113.9 node-1 172.30.0.11', '2001:db8::9 node-2 fd30::12'])
  })

  it('policy Local: to a node with an endpoint', () => {
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } }
    const local = { ...service({ externalTrafficPolicy: 'Local' }), status }
    expect(routes(objects({ services: [local], slices: [slice([endpoint(b)])] }))).toEqual([
      '203.0.113.9 node-2 172.30.0.12',
    ])
  })

  it('leaves alone what nodes have, what the lab needs, and what a load balancer ends itself', () => {
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.10', ipMode: 'Proxy' as const }] } }
    const externalIPs = ['172.30.0.12', '172.30.0.1', '203.0.113.9']
    const given = objects({ services: [{ ...service({ externalIPs }), status }, service({ externalIPs }, 'second')] })
    expect(routes(given, ['172.30.0.1'])).toEqual(['203.0.113.9 node-1 172.30.0.11'])
  })
})
