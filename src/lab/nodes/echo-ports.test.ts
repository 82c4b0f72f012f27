import { describe, expect, it } from 'vitest'
import { echoPorts } from './echo-ports.ts'
import type { Container, Pod, Service, ServicePort } from './pod.ts'

const pod = (ports: Container['ports'] & object): Pod => ({
  metadata: { name: 'p', namespace: 'shop', uid: 'u', labels: { app: 'cart', tier: 'back' } },
  spec: { containers: [{ name: 'c', ports }] },
})
const service = (port: ServicePort, selector?: Record<string, string>, namespace = 'shop'): Service => ({
  metadata: { name: 's', namespace },
  spec: { ports: [port], ...(selector && { selector }) },
})
const texts = (pod: Pod, ...services: Service[]) => echoPorts(pod, services).map((p) => `${p.protocol}/${p.port}`)

describe('echoPorts', () => {
  it('serves what containers declare', () => {
    expect(texts(pod([{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }]))).toEqual(['TCP/80', 'UDP/53'])
  })

  it('serves the target port of a Service that selects the pod, once', () => {
    const two = [service({ port: 80, targetPort: 8080 }, { app: 'cart' }), service({ port: 8080 }, { tier: 'back' })]
    expect(texts(pod([]), ...two)).toEqual(['TCP/8080'])
  })

  it('resolves a named port by name and protocol', () => {
    const named = pod([
      { name: 'dns', containerPort: 5353, protocol: 'TCP' },
      { name: 'dns', containerPort: 5354, protocol: 'UDP' },
    ])
    expect(texts(named, service({ port: 53, targetPort: 'dns', protocol: 'UDP' }, { app: 'cart' }))).toHaveLength(2)
    expect(texts(pod([]), service({ port: 53, targetPort: 'dns' }, { app: 'cart' }))).toEqual([])
  })

  it('leaves out other namespaces, other labels, no selector, SCTP', () => {
    const others = [
      service({ port: 1 }, { app: 'cart' }, 'other'),
      service({ port: 2 }, { app: 'cart', tier: 'front' }),
      service({ port: 3 }),
      service({ port: 4, protocol: 'SCTP' }, { app: 'cart' }),
    ]
    expect(texts(pod([]), ...others)).toEqual([])
  })
})
