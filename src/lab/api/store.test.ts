import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { bootstrap } from './bootstrap.ts'
import { storedKinds } from './kinds.ts'
import { StatusError } from './status.ts'
import { MemoryStore } from './store.ts'
import type { KubeObject, NewObject, StoreEvent } from './types.ts'

let store: MemoryStore
let events: StoreEvent[]

beforeEach(() => {
  store = new MemoryStore({ historyLimit: 10 })
  bootstrap(store, { address: '172.30.0.2', port: 6443 })
  events = []
  store.subscribe((event) => events.push(event))
})

const configMap = (name: string, extra: Partial<KubeObject['metadata']> = {}): NewObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...extra },
})

const podSpec = { containers: [{ name: 'main', image: 'example.com/app:1' }] }

const pod = (name: string, spec: object = {}, extra: Partial<KubeObject['metadata']> = {}): NewObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...extra },
  spec: { ...podSpec, ...spec },
})

const replicaSet = (name: string): NewObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name, namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: podSpec },
  },
})

const ownedBy = ({ apiVersion, kind, metadata }: KubeObject): Partial<KubeObject['metadata']> => ({
  ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }],
})

function refusal(action: () => unknown): StatusError['status'] {
  try {
    action()
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
  throw new Error('it was not refused')
}

const copy = <T>(object: T): T => structuredClone(object)

describe('writing', () => {
  it('gives uid, version and time, and tells listeners in order', () => {
    const one = store.create('configmaps', configMap('one'))
    const two = store.create('configmaps', configMap('two'))
    expect(Number(two.metadata.resourceVersion)).toBe(Number(one.metadata.resourceVersion) + 1)
    expect(one.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(events.map((e) => [e.type, e.object.metadata.name])).toEqual([
      ['ADDED', 'one'],
      ['ADDED', 'two'],
    ])
    expect(Object.isFrozen(one.metadata)).toBe(true)
  })

  it('keeps the order of events when a listener writes', () => {
    const seen: string[] = []
    store.subscribe(({ object }) => {
      if (object.metadata.name === 'one') store.create('configmaps', configMap('two'))
    })
    store.subscribe(({ object }) => seen.push(object.metadata.name))
    store.create('configmaps', configMap('one'))
    expect(seen).toEqual(['one', 'two'])
  })

  it('makes no new version of what did not change', () => {
    const one = store.create('configmaps', configMap('one', { labels: { a: 'b' } }))
    expect(store.update('configmaps', copy(one))).toBe(one)
    expect(events).toHaveLength(1)
  })

  it('refuses stale versions, wrong uids and second creations', () => {
    const one = store.create('configmaps', configMap('one'))
    store.update('configmaps', { ...copy(one), data: { a: '1' } })
    expect(refusal(() => store.update('configmaps', { ...copy(one), data: { a: '2' } }))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again',
    })
    expect(refusal(() => store.create('configmaps', configMap('one')))).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
    })
    const wrong = { ...copy(one), metadata: { name: 'one', namespace: 'default', uid: 'x' } } as KubeObject
    expect(refusal(() => store.update('configmaps', wrong)).message).toContain('Precondition failed: UID')
  })

  it('counts generations of the spec alone', () => {
    const set = store.create('replicasets', replicaSet('web'))
    expect(set.metadata.generation).toBe(1)
    const labelled = store.update('replicasets', { ...copy(set), metadata: { ...set.metadata, labels: { a: 'b' } } })
    expect(labelled.metadata.generation).toBe(1)
    const scaled = store.update('replicasets', { ...copy(labelled), spec: { ...set['spec'], replicas: 3 } })
    expect(scaled.metadata.generation).toBe(2)
    const status = store.updateStatus('replicasets', { ...copy(scaled), spec: {}, status: { replicas: 3 } })
    expect([status.metadata.generation, status['spec'].replicas, status['status']]).toEqual([2, 3, { replicas: 3 }])
    const other = store.update('replicasets', { ...copy(status), status: { replicas: 9 } })
    expect(other['status']).toEqual({ replicas: 3 })
  })

  it("counts a Deployment's annotations too, unless they come with its status", () => {
    const deployment = { ...replicaSet('web'), kind: 'Deployment' }
    const made = store.create('deployments', deployment)
    const annotated = (note: string, object: KubeObject): KubeObject => ({
      ...copy(object),
      metadata: { ...copy(object.metadata), annotations: { note }, labels: { note } },
    })
    const [first, second] = [annotated('a', made), annotated('b', made)]
    const asStatus = store.updateStatus('deployments', first)
    expect(asStatus.metadata).toMatchObject({ generation: 1, annotations: { note: 'a' } })
    expect(asStatus.metadata.labels).toBeUndefined()
    const plain = store.update('deployments', { ...second, metadata: { ...second.metadata, resourceVersion: '' } })
    expect(plain.metadata).toMatchObject({ generation: 2, annotations: { note: 'b' }, labels: { note: 'b' } })
  })

  it('takes metadata with the status of a pod, but not its owners, and looks at what it takes', () => {
    const made = store.create('pods', pod('p'))
    const metadata = { ...copy(made.metadata), labels: { a: 'b' }, finalizers: ['example.com/x'] }
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c' }]
    const next = store.updateStatus('pods', { ...copy(made), spec: {}, metadata: { ...metadata, ownerReferences } })
    expect(next.metadata).toMatchObject({ labels: { a: 'b' }, finalizers: ['example.com/x'], generation: 1 })
    expect(next.metadata.ownerReferences).toBeUndefined()
    expect(next['spec'].containers).toHaveLength(1)
    const wrong = { ...copy(next), metadata: { ...copy(next.metadata), labels: { a: '!' } } }
    expect(refusal(() => store.updateStatus('pods', wrong))).toMatchObject({ code: 422 })
  })

  it('finds by label, namespace and name', () => {
    store.create('configmaps', configMap('b', { labels: { app: 'web' } }))
    store.create('configmaps', configMap('a', { labels: { app: 'web' } }))
    store.create('configmaps', { ...configMap('c'), metadata: { name: 'c', namespace: 'kube-system' } })
    const names = (objects: KubeObject[]): string[] => objects.map((o) => o.metadata.name)
    expect(names(store.list('configmaps'))).toEqual(['a', 'b', 'c'])
    expect(names(store.list('configmaps', 'kube-system'))).toEqual(['c'])
    expect(names(store.listLabelled('configmaps', 'app', 'web'))).toEqual(['a', 'b'])
    store.remove('configmaps', 'default', 'a')
    expect(names(store.listLabelled('configmaps', 'app', 'web', 'default'))).toEqual(['b'])
  })

  it('does nothing on a dry run', () => {
    const version = store.resourceVersion
    store.create('services', service('dry', { type: 'NodePort', clusterIP: '10.43.7.7' }), { dryRun: true })
    expect([store.resourceVersion, events.length]).toEqual([version, 0])
    expect(store.create('services', service('wet', { clusterIP: '10.43.7.7' }))['spec'].clusterIP).toBe('10.43.7.7')
  })
})

describe('deleting', () => {
  it('waits for finalizers', () => {
    const one = store.create('configmaps', configMap('one', { finalizers: ['weft.test/wait'] }))
    const marked = store.remove('configmaps', 'default', 'one')
    expect(marked.metadata.deletionTimestamp).toBeDefined()
    expect(refusal(() => store.create('configmaps', configMap('one'))).message).toContain('object is being deleted')
    const { finalizers: _gone, ...metadata } = marked.metadata
    store.update('configmaps', { ...copy(marked), metadata })
    expect(store.get('configmaps', 'default', 'one')).toBeUndefined()
    expect(events.at(-1)).toMatchObject({ type: 'DELETED', object: { metadata: { uid: one.metadata.uid } } })
  })

  it.each([2 ** 53, 2 ** 63 - 1024])(
    'has no time for a grace of %d s, and says the last one that there is',
    (grace) => {
      store.create('pods', pod('patient', { nodeName: 'n1' }))
      const marked = store.remove('pods', 'default', 'patient', { gracePeriodSeconds: grace })
      expect(marked.metadata).toMatchObject({
        deletionTimestamp: '9999-12-31T23:59:59Z',
        deletionGracePeriodSeconds: grace,
      })
      const sooner = store.remove('pods', 'default', 'patient', { gracePeriodSeconds: 3 })
      expect(sooner.metadata.deletionGracePeriodSeconds).toBe(3)
      expect(Date.parse(sooner.metadata.deletionTimestamp ?? '')).toBeLessThan(Date.now() + 60_000)
      store.remove('pods', 'default', 'patient', { gracePeriodSeconds: 0 })
    },
  )

  it('gives a bound pod its grace, which may be shortened and not lengthened', () => {
    store.create('pods', pod('free'))
    store.remove('pods', 'default', 'free')
    expect(store.get('pods', 'default', 'free')).toBeUndefined()
    store.create('pods', pod('bound', { nodeName: 'n1' }))
    expect(store.remove('pods', 'default', 'bound').metadata.deletionGracePeriodSeconds).toBe(30)
    const shorter = store.remove('pods', 'default', 'bound', { gracePeriodSeconds: 3 })
    expect(shorter.metadata).toMatchObject({ deletionGracePeriodSeconds: 3, generation: 2 })
    expect(store.remove('pods', 'default', 'bound', { gracePeriodSeconds: 60 })).toBe(shorter)
    store.remove('pods', 'default', 'bound', { gracePeriodSeconds: 0 })
    expect(store.get('pods', 'default', 'bound')).toBeUndefined()
  })

  it('collects what has no owner left', () => {
    const set = store.create('replicasets', replicaSet('web'))
    store.create('pods', pod('one', {}, ownedBy(set)))
    store.create('pods', pod('two', { nodeName: 'n1' }, ownedBy(set)))
    store.remove('replicasets', 'default', 'web')
    expect(store.get('pods', 'default', 'one')).toBeUndefined()
    expect(store.get('pods', 'default', 'two')?.metadata.deletionTimestamp).toBeDefined()
    store.create('pods', pod('late', {}, ownedBy(set)))
    expect(store.get('pods', 'default', 'late')).toBeUndefined()
  })

  it('orphans when asked to', () => {
    const set = store.create('replicasets', replicaSet('web'))
    store.create('pods', pod('one', {}, ownedBy(set)))
    store.remove('replicasets', 'default', 'web', { propagationPolicy: 'Orphan' })
    expect(store.get('pods', 'default', 'one')?.metadata.ownerReferences).toBeUndefined()
  })

  it('empties a namespace and lets it go when its last pod has gone', () => {
    store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    store.create('configmaps', { ...configMap('one'), metadata: { name: 'one', namespace: 'shop' } })
    store.create('pods', { ...pod('p', { nodeName: 'n1' }), metadata: { name: 'p', namespace: 'shop' } })
    expect(store.remove('namespaces', undefined, 'shop')['status'].phase).toBe('Terminating')
    expect(store.list('configmaps', 'shop'), 'pods go first').toHaveLength(1)
    const late = { ...configMap('late'), metadata: { name: 'late', namespace: 'shop' } }
    expect(refusal(() => store.create('configmaps', late))).toMatchObject({ code: 403, reason: 'Forbidden' })
    store.remove('pods', 'shop', 'p', { gracePeriodSeconds: 0 })
    expect(store.list('configmaps', 'shop')).toEqual([])
    expect(store.get('namespaces', undefined, 'shop')).toBeUndefined()
    expect(refusal(() => store.remove('namespaces', undefined, 'default')).code).toBe(403)
  })

  it('checks preconditions', () => {
    store.create('configmaps', configMap('one'))
    const status = refusal(() => store.remove('configmaps', 'default', 'one', { preconditions: { uid: 'x' } }))
    expect(status.message).toContain('the UID in the precondition (x) does not match the UID in record')
  })
})

const service = (name: string, spec: object = {}): NewObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
})

describe('Services', () => {
  const patched = (object: KubeObject, spec: object): KubeObject =>
    store.update('services', { ...copy(object), spec: { ...copy(object['spec']), ...spec } })

  it('get an address, a node port when they need one, and give both back', () => {
    const made = store.create('services', service('web', { type: 'NodePort' }))
    const { clusterIP, ports } = made['spec']
    expect(clusterIP).toMatch(/^10\.43\./)
    const { nodePort } = ports[0]
    expect(nodePort).toBeGreaterThanOrEqual(30_086)
    const taken = { type: 'NodePort', ports: [{ port: 1, nodePort, protocol: 'UDP' }] }
    expect(refusal(() => store.create('services', service('two', taken))).message).toContain(
      `spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`,
    )
    const plain = patched(made, { type: 'ClusterIP' })
    expect(plain['spec']).toMatchObject({ clusterIP, ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] })
    store.create('services', service('two', taken))
    store.remove('services', 'default', 'web')
    expect(store.create('services', service('three', { clusterIP }))['spec'].clusterIP).toBe(clusterIP)
  })

  it('share a node port between protocols of one Service', () => {
    const ports = [
      { name: 't', port: 53, protocol: 'TCP' },
      { name: 'u', port: 53, protocol: 'UDP' },
    ]
    const made = store.create('services', service('dns', { type: 'NodePort', ports }))
    expect(made['spec'].ports[0].nodePort).toBe(made['spec'].ports[1].nodePort)
    store.remove('services', 'default', 'dns')
    expect(store.allocations.portError(made['spec'].ports[0].nodePort)).toBeUndefined()
  })

  it('lose their address as ExternalName and keep it otherwise', () => {
    const made = store.create('services', service('web'))
    expect(refusal(() => patched(made, { clusterIP: '10.43.9.9', clusterIPs: ['10.43.9.9'] })).message).toContain(
      'may not change once set',
    )
    const cleared = patched(made, { clusterIP: undefined, clusterIPs: undefined })
    expect(cleared['spec'].clusterIP).toBe(made['spec'].clusterIP)
    const external = patched(made, { type: 'ExternalName', externalName: 'db.example' })
    expect(external['spec'].clusterIP).toBeUndefined()
    expect(store.allocations.addressError(made['spec'].clusterIP)).toBeUndefined()
  })

  it('take a health check port with policy Local, and free it', () => {
    const made = store.create('services', service('lb', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }))
    const port = made['spec'].healthCheckNodePort
    expect(store.allocations.portError(port)).toBe('provided port is already allocated')
    expect(patched(made, { externalTrafficPolicy: 'Cluster' })['spec'].healthCheckNodePort).toBeUndefined()
    expect(store.allocations.portError(port)).toBeUndefined()
  })

  it('never hold an address or port twice, whatever is done to them', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'delete'),
      policy: fc.constantFrom('Cluster', 'Local'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const small = new MemoryStore({ serviceCIDR: '10.43.0.0/24' })
        bootstrap(small, { port: 1 })
        for (const { name, type, policy } of steps) {
          const old = small.get('services', 'default', name)
          const external = type === 'NodePort' || type === 'LoadBalancer'
          const spec = {
            type,
            ...(type === 'ExternalName' ? { externalName: 'x.example' } : {}),
            ...(external ? { externalTrafficPolicy: policy } : {}),
          }
          if (type === 'delete' && old !== undefined) small.remove('services', 'default', name)
          else if (type !== 'delete' && old === undefined) small.create('services', service(name, spec))
          else if (type !== 'delete' && old !== undefined)
            small.update('services', { ...copy(old), spec: { ...copy(old['spec']), ...spec } })
        }
        const all = small.list('services').flatMap((object) => storedKinds.get('services')?.held?.(object) ?? [])
        const addresses = all.flatMap((held) => held.addresses)
        const ports = all.flatMap((held) => held.ports)
        expect(new Set(addresses).size).toBe(addresses.length)
        expect(new Set(ports).size).toBe(ports.length)
        for (const { metadata } of small.list('services'))
          if (metadata.name !== 'kubernetes') small.remove('services', 'default', metadata.name)
        const free = Array.from({ length: 253 }, (_, i) => small.create('services', service(`s${i}`)))
        expect(new Set(free.map((s) => s['spec'].clusterIP)).size).toBe(253)
      }),
      { numRuns: 25 },
    )
  })
})

describe('pods', () => {
  it('are bound once, without a new generation', () => {
    store.create('pods', pod('one'))
    const bound = store.bind('default', 'one', 'n1')
    expect([bound['spec'].nodeName, bound.metadata.generation]).toEqual(['n1', 1])
    expect(refusal(() => store.bind('default', 'one', 'n2')).message).toContain('is already assigned to node "n1"')
  })

  it('may be bound by update within the process, and not by a client', () => {
    const one = store.create('pods', pod('one'))
    const bound = { ...copy(one), spec: { ...copy(one['spec']), nodeName: 'n1' } }
    expect(refusal(() => store.update('pods', bound, { fromClient: true })).message).toContain(
      'spec: Forbidden: pod updates may not change fields other than',
    )
    expect(store.update('pods', bound)['spec'].nodeName).toBe('n1')
  })
})

describe('history', () => {
  it('goes back so far and no further', () => {
    const since = Number(store.resourceVersion)
    for (let i = 0; i < 30; i++) store.create('configmaps', configMap(`c${i}`))
    const latest = store.eventsSince('configmaps', since + 25)
    expect(latest.map((event) => event.object.metadata.name)).toEqual(['c25', 'c26', 'c27', 'c28', 'c29'])
    expect(refusal(() => store.eventsSince('configmaps', since))).toMatchObject({ code: 410, reason: 'Expired' })
  })
})

describe('any body at all', () => {
  it('is taken or refused with a Status, never an error of ours', () => {
    const field = fc.constantFrom('ports', 'containers', 'selector', 'type', 'clusterIP', 'template', 'a', 'strategy')
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, 0, 80, 'None', 'x', true, [], {}),
        fc.array(tie('any'), { maxLength: 2 }),
        fc.dictionary(field, tie('any'), { maxKeys: 3 }),
      ),
    })).any
    const resource = fc.constantFrom(...[...storedKinds.keys()].filter((r) => r !== 'namespaces'))
    fc.assert(
      fc.property(resource, value, value, value, (plural, spec, status, rest) => {
        const metadata = { name: 'x', namespace: 'default', labels: {} }
        const body = { ...(typeof rest === 'object' && !Array.isArray(rest) ? rest : {}), spec, status, metadata }
        try {
          store.create(plural, body)
          store.remove(plural, 'default', 'x')
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
        }
        const left = store.get(plural, plural === 'nodes' ? undefined : 'default', 'x')
        if (left !== undefined) store.remove(plural, left.metadata.namespace, 'x', { gracePeriodSeconds: 0 })
      }),
      { numRuns: 500 },
    )
  })
})
