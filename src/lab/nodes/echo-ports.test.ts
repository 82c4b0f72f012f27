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

  it('leaves out other namespaces, other labels, no selector', () => {
    const others = [
      service({ port: 1 }, { app: 'cart' }, 'other'),
      service({ port: 2 }, { app: 'cart', tier: 'front' }),
      service({ port: 3 }),
    ]
    expect(texts(pod([]), ...others)).toEqual([])
  })

  it('knows SCTP', () => {
    expect(texts(pod([{ containerPort: 5, protocol: 'SCTP' }]))).toEqual(['SCTP/5'])
  })

  it('leaves ports to a container that runs a program, and says whose the others are', () => {
    const containers: Container[] = [
      { name: 'own', image: 'host', ports: [{ containerPort: 80 }] },
      { name: 'web', image: 'nginx', ports: [{ containerPort: 81 }] },
    ]
    const mixed: Pod = {
      ...pod([]),
      spec: { containers, initContainers: [sidecar, { name: 'i', ports: [{ containerPort: 84 }] }] },
    }
    expect(echoPorts(mixed, [service({ port: 80 }, { app: 'cart' }), service({ port: 82 }, { app: 'cart' })])).toEqual([
      { protocol: 'TCP', port: 81, container: 'web' },
      { protocol: 'TCP', port: 83, container: 'side' },
      { protocol: 'TCP', port: 82, container: 'web' },
    ])
    expect(
      texts({ ...mixed, spec: { containers: containers.slice(0, 1) } }, service({ port: 9 }, { app: 'cart' })),
    ).toEqual([])
  })
})

const sidecar: Container = { name: 'side', restartPolicy: 'Always', ports: [{ containerPort: 83 }] }
