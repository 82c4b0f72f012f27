import { apiMicroTime, apiTime } from '../../src/kube/times.ts'
import { bootstrap } from '../../src/lab/api/bootstrap.ts'
import { MemoryStore } from '../../src/lab/api/store.ts'
import type { DeleteOptions, KubeObject, NewObject } from '../../src/lab/api/types.ts'
import { startControllers } from '../../src/lab/controllers/index.ts'
import { ManualClock } from '../../src/lab/controllers/manual-clock.ts'

/** The invented nodes that the recordings were made on. */
const nodes = [
  { name: 'n1', zone: 'z1', number: 11 },
  { name: 'n2', zone: 'z1', number: 12 },
  { name: 'n3', zone: 'z2', number: 13 },
]

/** A store with our controllers, on a clock that is moved by hand, set up as the recorded control plane was; and what users do to it. */
export class ControlPlane {
  readonly clock = new ManualClock(Date.parse('2026-01-01T12:00:00Z'))
  readonly store = new MemoryStore({ now: () => new Date(this.clock.now()), serviceCIDR: '10.43.0.0/16,fd43::/112' })
  readonly namespace: string
  /** What the controllers complain about. */
  readonly log: string[] = []
  #leases = new Set<string>()

  constructor(namespace: string) {
    this.namespace = namespace
    bootstrap(this.store, { address: '172.30.0.1', port: 6443 })
    startControllers(this.store, {
      clock: this.clock,
      log: (line) => this.log.push(line),
      nodeGraceMs: 10_000,
      clusterCIDRs: ['10.42.0.0/16', 'fd42::/48'],
      prefer: (pod, fitting) => this.prefer(pod, fitting),
    })
    this.settle()
    this.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  }

  /** Which of the nodes that take a pod it goes to; undefined leaves it to our scheduler. */
  prefer(_pod: KubeObject, _fitting: readonly string[]): string | undefined {
    return undefined
  }

  /** Lets everything come to rest; a second passes, so that later times are later. Kubelets that live renew their Leases. */
  settle(): void {
    this.clock.run()
    this.clock.advance(1000)
    for (const name of this.#leases) this.renewLease(name)
  }

  pass(seconds: number): void {
    for (let passed = 0; passed < seconds; passed++) this.settle()
  }

  /** Nodes come in this order; which of several equal pods a DaemonSet begins with follows from it (the real one takes any). */
  addNodes(order: readonly string[] = nodes.map(({ name }) => name)): void {
    for (const name of order) {
      const zone = nodes.find((node) => node.name === name)?.zone ?? ''
      const hostname = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' }
      const labels = { ...hostname, 'topology.kubernetes.io/zone': zone }
      this.store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
    }
  }

  /** Gives every node a status as its kubelet would; `cpu` says what is recorded nowhere: how large they are. */
  readyNodes(): void {
    for (const { name, number } of nodes) {
      this.setReady(name, 'True')
      this.change('nodes', name, (node) => {
        node['status'].addresses = [
          { type: 'InternalIP', address: `192.0.2.${number}` },
          { type: 'InternalIP', address: `2001:db8::${number}` },
          { type: 'Hostname', address: name },
        ]
        node['status'].allocatable = { cpu: '4', memory: '8Gi', pods: '110' }
      })
    }
    this.settle()
  }

  setReady(name: string, status: 'True' | 'False'): void {
    const why =
      status === 'True'
        ? { reason: 'KubeletReady', message: 'ready' }
        : { reason: 'KubeletNotReady', message: 'no network' }
    const time = apiTime(this.clock.now())
    const ready = { type: 'Ready', status, lastHeartbeatTime: time, lastTransitionTime: time, ...why }
    this.change('nodes', name, (node) => {
      const others = (node['status'].conditions ?? []).filter(({ type }: { type: string }) => type !== 'Ready')
      node['status'] = { ...node['status'], conditions: [ready, ...others] }
    })
    this.settle()
  }

  /** The kubelet of a node begins to renew its Lease, or stops. */
  leases(...names: string[]): void {
    this.#leases = new Set(names)
  }

  renewLease(name: string): void {
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: apiMicroTime(this.clock.now()) }
    const metadata = { name, namespace: 'kube-node-lease' }
    const lease = this.store.get('leases', 'kube-node-lease', name)
    if (lease !== undefined) this.store.update('leases', { ...structuredClone(lease), spec })
    else this.store.create('leases', { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec })
  }

  /** What a user does; the object is in the recording's namespace. */
  create(resource: string, object: NewObject): KubeObject {
    const created = this.store.create(resource, object)
    this.settle()
    return created
  }

  /** PUT as kubectl edit does it. */
  edit(resource: string, name: string, change: (object: KubeObject) => void): void {
    const copy = structuredClone(this.#get(resource, name))
    change(copy)
    this.store.update(resource, copy)
    this.settle()
  }

  remove(resource: string, name: string, options: DeleteOptions = {}): void {
    this.store.remove(
      resource,
      resource === 'namespaces' || resource === 'nodes' ? undefined : this.namespace,
      name,
      options,
    )
    this.settle()
  }

  /** PUT on the status. */
  change(resource: string, name: string, change: (object: KubeObject) => void): void {
    const copy = structuredClone(this.#get(resource, name))
    copy['status'] ??= {}
    change(copy)
    this.store.updateStatus(resource, copy)
  }

  #get(resource: string, name: string): KubeObject {
    const namespace = resource === 'nodes' ? undefined : this.namespace
    const object = this.store.get(resource, namespace, name)
    if (object === undefined) throw new Error(`no ${resource} ${name}`)
    return object
  }

  pods(): KubeObject[] {
    return this.store.list('pods', this.namespace)
  }

  /** Takes a pod away that terminates: its kubelet has ended it. */
  endPod({ metadata }: KubeObject): void {
    this.store.remove('pods', metadata.namespace, metadata.name, { gracePeriodSeconds: 0 })
    this.settle()
  }

  /** Runs a pod that is in no recording. */
  runPod(name: string, address: string, ready = true): void {
    const time = apiTime(this.clock.now())
    this.change('pods', name, (pod) => {
      const condition = {
        type: 'Ready',
        status: ready ? 'True' : 'False',
        lastProbeTime: null,
        lastTransitionTime: time,
      }
      pod['status'] = {
        ...pod['status'],
        phase: 'Running',
        podIP: address,
        podIPs: [{ ip: address }],
        conditions: [condition],
      }
    })
  }
}
