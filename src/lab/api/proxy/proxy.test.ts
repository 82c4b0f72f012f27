import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { StatusError } from '../status.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { containerOf } from './containers.ts'
import { kubeletOf } from './kubelet.ts'
import { logQuery } from './log-options.ts'
import { type ConnectRequest, connectRequest } from './request.ts'
import { onlyWebSocket, streamTarget } from './streams.ts'
import { proxyTarget } from './targets.ts'

const parse = (path: string, method = 'GET') => {
  const message = { method, url: path, headers: {} } as unknown as IncomingMessage
  return connectRequest(message, new URL(path, 'https://api'))
}
const request = (path: string): ConnectRequest => parse(path) as ConnectRequest
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }] },
} as unknown as KubeObject

describe('paths that are passed on', () => {
  it.each([
    ['/api/v1/namespaces/shop/pods/web/log?tailLines=1', { resource: 'pods', subresource: 'log', name: 'web' }],
    ['/api/v1/namespaces/shop/pods/web:80/proxy/a%2Fb/', { subresource: 'proxy', name: 'web:80', path: '/a%2Fb/' }],
    ['/api/v1/namespaces/shop/services/https:web:x/proxy', { resource: 'services', name: 'https:web:x', path: '' }],
    ['/api/v1/nodes/n1/proxy/healthz', { resource: 'nodes', namespace: '', name: 'n1', path: '/healthz' }],
  ])('%s', (path, expected) => expect(parse(path)).toMatchObject(expected))

  it.each([
    '/api/v1/namespaces/shop/pods/web',
    '/api/v1/namespaces/shop/pods/web/log/more',
    '/api/v1/namespaces/shop/services/web/log',
    '/api/v1/nodes/n1/exec',
    '/api/v1/nodes/n1/status',
    '/apis/v1/namespaces/shop/pods/web/log',
  ])('not %s', (path) => expect(parse(path)).toBeUndefined())

  it('take the methods that they take', () => {
    expect(() => parse('/api/v1/namespaces/shop/pods/web/log', 'DELETE')).toThrow(StatusError)
    expect(parse('/api/v1/namespaces/shop/pods/web/exec', 'POST')).toBeDefined()
  })
})

describe('the container that is meant', () => {
  it('is named, or the only one', () => {
    expect(containerOf(pod, 'b')).toBe('b')
    expect(containerOf(pod, 'i')).toBe('i')
    expect(containerOf({ ...pod, spec: { containers: [{ name: 'only' }] } }, '')).toBe('only')
  })

  it('has to be named in the words of a real server', () => {
    expect(() => containerOf(pod, '')).toThrow(
      'a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]',
    )
    expect(() => containerOf(pod, 'x')).toThrow('container x is not valid for pod web')
  })
})

describe('options of a log', () => {
  it('are passed on as far as a kubelet knows them', () => {
    const query = new URLSearchParams('follow=true&tailLines=5&container=a&previous=0&timestamps=T')
    expect(logQuery(query).toString()).toBe('follow=true&timestamps=true&tailLines=5')
  })

  it.each([
    ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=1&sinceTime=2026-01-31T10:00:00Z', 'at most one of `sinceTime` or `sinceSeconds` may be specified'],
    ['tailLines=x', 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['sinceTime=x', 'cannot parse "x"'],
  ])('%s is refused', (query, words) => expect(() => logQuery(new URLSearchParams(query))).toThrow(words))
})

describe('what a kubelet is asked', () => {
  it.each([
    [
      'exec',
      'container=a&stdout=true&stdin=1&command=ls&command=-l%20x',
      '/exec/shop/web/a?input=1&output=1&command=ls&command=-l+x',
    ],
    ['attach', 'container=b&stdout=true&tty=true', '/attach/shop/web/b?output=1&tty=1'],
    ['portforward', '', '/portForward/shop/web'],
    ['portforward', 'ports=80,81', '/portForward/shop/web?port=80&port=81'],
  ] as const)('for %s?%s', (stream, query, expected) =>
    expect(streamTarget(stream, pod, new URLSearchParams(query))).toBe(expected),
  )

  it('has a command and a stream', () => {
    const exec = (query: string) => streamTarget('exec', pod, new URLSearchParams(query))
    expect(() => exec('container=a&command=ls')).toThrow('you must specify at least one of stdin, stdout, stderr')
    expect(() => exec('container=a&stdout=true')).toThrow('you must specify at least 1 command')
  })

  it('goes to the address and port that its node has reported', () => {
    const node = (status: object) => ({ kind: 'Node', status }) as unknown as KubeObject
    const addresses = [
      { type: 'Hostname', address: 'n1' },
      { type: 'InternalIP', address: 'fd00::1' },
      { type: 'InternalIP', address: '10.0.0.1' },
    ]
    expect(kubeletOf(node({ addresses }))).toEqual({ address: 'fd00::1', port: 10250 })
    const daemonEndpoints = { kubeletEndpoint: { Port: 4194 } }
    expect(kubeletOf(node({ addresses, daemonEndpoints }))).toEqual({ address: 'fd00::1', port: 4194 })
    expect(() => kubeletOf(node({}))).toThrow('no preferred addresses found')
  })
})

it('an old kubectl is told the command that does the same', () => {
  const asked = request('/api/v1/namespaces/shop/pods/web/exec?command=sh&command=-c&command=echo%20$A')
  expect(onlyWebSocket('exec', asked).message).toContain(`Use 'weft lab exec shop/web -- sh -c "echo \\$A"'`)
})

describe('where a proxied request goes', () => {
  const store = new MemoryStore({ collect: false })
  const place = { namespace: 'default', name: 'web' }
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  const spec = { containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 8080 }] }] }
  const stored = store.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata: place, spec })
  store.updateStatus('pods', { ...structuredClone(stored), status: { podIP: '10.42.0.5' } })
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }]
  store.create('services', { apiVersion: 'v1', kind: 'Service', metadata: place, spec: { ports } })
  const target = (resource: string, name: string) =>
    proxyTarget(store, request(`/api/v1/namespaces/default/${resource}/${name}/proxy/`))

  it('for a pod is the port named, or its first', () => {
    expect(target('pods', 'web')).toMatchObject({ address: '10.42.0.5', port: 8080, tls: false })
    expect(target('pods', 'https:web:8443')).toMatchObject({ port: 8443, tls: true })
    expect(() => target('pods', 'web:0')).toThrow('invalid port "0"')
    expect(() => target('pods', 'ftp:web:1')).toThrow('invalid pod request "ftp:web:1"')
    expect(() => target('pods', 'other')).toThrow('pods "other" not found')
  })

  it('for a Service is one of its ready endpoints', () => {
    expect(() => target('services', 'web')).toThrow('no endpoints available for service "web"')
    expect(() => target('services', 'web:81')).toThrow('no service port "81" found for service "web"')
    store.create('endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...place, labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [
        { addresses: ['10.42.0.6'], conditions: { ready: false } },
        { addresses: ['10.42.0.5'], conditions: { ready: true } },
      ],
    })
    for (const name of ['web', 'web:http', 'web:80'])
      expect(target('services', name)).toMatchObject({ address: '10.42.0.5', port: 8080 })
  })
})
