import { describe, expect, it } from 'vitest'
import { containerEnv, type EnvSources, expand } from './env.ts'
import type { ConfigObject, Container, Pod } from './pod.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u', labels: { app: 'cart' } },
  spec: { containers: [], nodeName: 'node1' },
}
const objects: Record<string, ConfigObject> = {
  cfg: { metadata: { name: 'cfg', namespace: 'shop' }, data: { A: '1', 'b.c': '2', 'not=env': '3' } },
  sec: { metadata: { name: 'sec', namespace: 'shop' }, data: { pw: Buffer.from('s3cret').toString('base64') } },
}
const sources: EnvSources = {
  podIPs: ['10.42.0.2', 'fd00::2'],
  hostIPs: ['172.30.0.11'],
  configMap: (name) => (name === 'cfg' ? objects['cfg'] : undefined),
  secret: (name) => (name === 'sec' ? objects['sec'] : undefined),
  services: [],
  kubernetes: undefined,
  withoutSecrets: false,
}
const env = (container: Omit<Container, 'name'>, more: Partial<EnvSources> = {}, of = pod) =>
  containerEnv(of, { name: 'c', ...container }, { ...sources, ...more })

describe('expand', () => {
  it.each([
    ['$(A) and $(B)', '1 and $(B)'],
    ['$$(A) costs $5', '$(A) costs $5'],
    ['$(A', '$(A'],
    ['$$$(A)', '$1'],
  ])('%s → %s', (text, expanded) => {
    expect(expand(text, { A: '1' })).toBe(expanded)
  })
})

describe('containerEnv', () => {
  it('takes values in order, each seeing those before it', () => {
    const found = env({
      envFrom: [{ prefix: 'X_', configMapRef: { name: 'cfg' } }, { secretRef: { name: 'sec' } }],
      env: [
        { name: 'TWICE', value: '$(X_A)$(X_A)' },
        { name: 'LATE', value: '$(LATER)' },
        { name: 'LATER', value: 'x' },
        { name: 'PW', valueFrom: { secretKeyRef: { name: 'sec', key: 'pw' } } },
        { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'b.c' } } },
      ],
    })
    expect(found).toMatchObject({
      X_A: '1',
      'X_b.c': '2',
      pw: 's3cret',
      TWICE: '11',
      LATE: '$(LATER)',
      PW: 's3cret',
      KEY: '2',
    })
    expect(found).not.toHaveProperty(['X_not=env'])
  })

  it('knows the pod', () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
    const found = env({
      resources: { limits: { cpu: '250m', memory: '64Mi' } },
      env: [
        field('IP', 'status.podIP'),
        field('IPS', 'status.podIPs'),
        field('NODE', 'spec.nodeName'),
        field('APP', "metadata.labels['app']"),
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
      ],
    })
    expect(found).toMatchObject({
      IP: '10.42.0.2',
      IPS: '10.42.0.2,fd00::2',
      NODE: 'node1',
      APP: 'cart',
      CPU: '1',
      MEM: '64',
    })
  })

  it('says what is missing as a kubelet does, unless it is optional', () => {
    const map = (optional?: boolean) => ({
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k', ...(optional && { optional }) } } }],
    })
    expect(() => env(map())).toThrow('configmap "no" not found')
    expect(env(map(true))).not.toHaveProperty('A')
    const key = { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'sec', key: 'k' } } }] }
    expect(() => env(key)).toThrow("couldn't find key k in Secret shop/sec")
    expect(env(key, { withoutSecrets: true })).not.toHaveProperty('A')
    expect(() => env({ envFrom: [{ secretRef: { name: 'no' } }] })).toThrow('secret "no" not found')
  })

  it('has no variable, key or label that only JavaScript knows', () => {
    const valueFrom = { configMapKeyRef: { name: 'cfg', key: 'constructor', optional: true } }
    const label = { fieldRef: { fieldPath: "metadata.labels['constructor']" } }
    const found = env({
      env: [
        { name: 'A', value: '$(constructor) $(toString)' },
        { name: 'B', valueFrom },
        { name: 'C', valueFrom: label },
        { name: '__proto__', value: 'x' },
      ],
    })
    expect([found['A'], found['C']]).toEqual(['$(constructor) $(toString)', ''])
    expect(found).not.toHaveProperty('B')
    expect(Object.entries(found)).toContainEqual(['__proto__', 'x'])
  })

  it('tells of Services, unless the pod wants none', () => {
    const service = (name: string, clusterIP: string) => ({
      metadata: { name, namespace: 'shop' },
      spec: { clusterIP, ports: [{ name: 'http', port: 80 }] },
    })
    const more = {
      services: [service('my-web', '10.43.0.7'), service('none', 'None')],
      kubernetes: service('kubernetes', 'fd00::1'),
    }
    const found = env({}, more)
    expect(found).toMatchObject({
      MY_WEB_SERVICE_HOST: '10.43.0.7',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_PORT_80_TCP: 'tcp://10.43.0.7:80',
      KUBERNETES_PORT: 'tcp://[fd00::1]:80',
    })
    expect(Object.keys(found).some((name) => name.startsWith('NONE'))).toBe(false)
    const unlinked: Pod = { ...pod, spec: { ...pod.spec, enableServiceLinks: false } }
    expect(env({}, more, unlinked)).not.toHaveProperty('MY_WEB_SERVICE_HOST')
    expect(env({}, more, unlinked)).toHaveProperty('KUBERNETES_SERVICE_HOST')
  })
})
