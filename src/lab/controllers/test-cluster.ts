import { apiMicroTime, apiTime } from '../../kube/times.ts'
import { bootstrap } from '../api/bootstrap.ts'
import { MemoryStore } from '../api/store.ts'
import type { KubeObject, NewObject, StoreEvent } from '../api/types.ts'
import { type Controllers, type ControllersOptions, startControllers } from './index.ts'
import type { Deployment, EndpointSlice, Pod, ReplicaSet } from './kinds.ts'
import { ManualClock } from './manual-clock.ts'
import { compareText } from './objects.ts'

/** A store with controllers on a clock that tests move, and a kubelet played by hand. */
export class TestCluster {
  readonly clock = new ManualClock(Date.parse('2026-01-01T12:00:00Z'))
  readonly store = new MemoryStore({ now: () => new Date(this.clock.now()) })
  readonly log: string[] = []
  readonly events: StoreEvent[] = []
  controllers!: Controllers
  #nextAddress = 2

  constructor(options: ControllersOptions = {}) {
    bootstrap(this.store, { address: '172.30.0.1', port: 6443 })
    this.start(options)
    this.store.subscribe((event) => void this.events.push(event))
  }

  start(options: ControllersOptions = {}): void {
    this.controllers = startControllers(this.store, {
      clock: this.clock,
      log: (line) => this.log.push(line),
      ...options,
    })
  }

  /** Lets the controllers come to rest. */
  settle(): void {
    this.clock.run()
  }

  /** What was written since the last call, but for Events: `MODIFIED pods web-1`. */
  writes(): string[] {
    const writes = this.events.splice(0).filter(({ resource }) => resource !== 'events')
    return writes.map(({ type, resource, object }) => `${type} ${resource} ${object.metadata.name}`)
  }

  addNode(name: string, labels: Record<string, string> = {}): void {
    this.store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
    this.setNode(name, { ready: 'True' })
  }

  setNode(name: string, { ready }: { ready: 'True' | 'False' }): void {
    const time = apiTime(this.clock.now())
    const condition = {
      type: 'Ready',
      status: ready,
      reason: 'KubeletReady',
      message: 'ready',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    }
    const node = this.store.get('nodes', undefined, name) as KubeObject
    this.store.updateStatus('nodes', {
      ...structuredClone(node),
      status: { ...node['status'], conditions: [condition] },
    })
  }

  renewLease(name: string): void {
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: apiMicroTime(this.clock.now()) }
    const lease = this.store.get('leases', 'kube-node-lease', name)
    const metadata = { name, namespace: 'kube-node-lease' }
    if (lease !== undefined) this.store.update('leases', { ...structuredClone(lease), spec })
    else this.store.create('leases', { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec })
  }

  /** Creates a Deployment of `replicas` pods with a port named http. */
  deploy(name: string, replicas: number, spec: Record<string, unknown> = {}): void {
    const object: NewObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'main', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }] },
        },
        ...spec,
      },
    }
    this.store.create('deployments', object)
    this.settle()
  }

  expose(name: string, spec: Record<string, unknown> = {}, labels: Record<string, string> = {}): void {
    const ports = [{ name: 'web', port: 80, targetPort: 'http' }]
    const metadata = { name, namespace: 'default', labels }
    this.store.create('services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports, ...spec },
    })
    this.settle()
  }

  /** Changes an object by PUT, as kubectl edit does. */
  edit(resource: string, name: string, change: (object: KubeObject) => void): void {
    const copy = structuredClone(
      this.store.get(resource, resource === 'nodes' ? undefined : 'default', name) as KubeObject,
    )
    change(copy)
    this.store.update(resource, copy)
    this.settle()
  }

  setImage(name: string, image: string): void {
    this.edit('deployments', name, (deployment) => (deployment['spec'].template.spec.containers[0].image = image))
  }

  /** The kubelet's part: the pod runs, with an address, ready or not. */
  runPod(pod: Pod, ready = true, containersReady = ready): void {
    const now = this.store.get('pods', pod.metadata.namespace, pod.metadata.name) as Pod
    const ip = now.status?.podIP ?? this.#newAddress()
    const time = apiTime(this.clock.now())
    const put = (type: string, value: boolean) => ({
      type,
      status: value ? 'True' : 'False',
      lastProbeTime: null,
      lastTransitionTime: time,
    })
    const others = (now.status?.conditions ?? []).filter(({ type }) => type === 'PodScheduled')
    const conditions = [put('Ready', ready), put('ContainersReady', containersReady), ...others]
    this.store.updateStatus('pods', {
      ...structuredClone(now),
      status: { ...now.status, phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions },
    })
  }

  #newAddress(): string {
    const number = this.#nextAddress++
    return `10.42.${number >> 8}.${number & 255}`
  }

  /** Runs every pod that is not running yet and ends every pod that terminates, until nothing is left to do. */
  kubelet(): void {
    for (let busy = true; busy; ) {
      this.settle()
      const starting = this.pods().filter(({ status }) => status?.phase === 'Pending')
      const ending = this.pods().filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      for (const pod of starting) this.runPod(pod)
      for (const pod of ending) this.endPod(pod)
      busy = starting.length + ending.length > 0
    }
  }

  endPod({ metadata }: Pod): void {
    this.store.remove('pods', metadata.namespace, metadata.name, { gracePeriodSeconds: 0 })
    this.settle()
  }

  pods(): Pod[] {
    return (this.store.list('pods') as Pod[]).sort((a, b) => compareText(a.metadata.name, b.metadata.name))
  }

  replicaSets(): ReplicaSet[] {
    return (this.store.list('replicasets', 'default') as ReplicaSet[]).sort(
      (a, b) => revisionNumber(a) - revisionNumber(b),
    )
  }

  /** Sizes of the ReplicaSets, by revision. */
  sizes(): (number | undefined)[] {
    return this.replicaSets().map(({ spec }) => spec.replicas)
  }

  deployment(name: string): Deployment {
    return this.store.get('deployments', 'default', name) as Deployment
  }

  /** `True NewReplicaSetAvailable` */
  condition(name: string, type: string): string {
    const found = this.deployment(name).status?.conditions?.find((condition) => condition.type === type)
    return `${found?.status} ${found?.reason}`
  }

  slices(service: string): EndpointSlice[] {
    const slices = this.store.list('endpointslices', 'default') as EndpointSlice[]
    return slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
  }

  /** Reasons and messages of Events about an object. */
  told(name: string): string[] {
    return this.store
      .list('events', 'default')
      .filter((event) => event['involvedObject'].name === name)
      .map((event) => `${event['reason']}: ${event['message']}`)
  }
}

const revisionNumber = ({ metadata }: ReplicaSet): number =>
  Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0)
