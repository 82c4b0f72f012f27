import { setTimeout as sleep } from 'node:timers/promises'
import { textOf } from '../../kernel/read-if-there.ts'
import type { ApiClient } from '../../kube/client.ts'
import { EventRecorder } from '../../kube/events.ts'
import { resourcePath } from '../../kube/paths.ts'
import { Reflector } from '../../kube/reflector.ts'
import { type Changes, ObjectStore } from '../../kube/store.ts'
import { objectKey } from '../../kube/types.ts'
import { errorText, type Log } from '../log.ts'
import { rejectionOf } from './admission.ts'
import { readConflist, writeConflist } from './cni-config.ts'
import { nodeConflist } from './cni-conflist.ts'
import { ConfigObjects } from './config-objects.ts'
import { limiter } from './limit.ts'
import { areOrphansReaped } from './orphans.ts'
import { type NodeApi, nodeApi } from './node-api.ts'
import type { Pod, Service } from './pod.ts'
import { type PodHost, PodWorker } from './pod-worker.ts'
import { listPods, removeUnknownPod } from './pod-sandbox.ts'
import { skipDuplicateAddressDetection } from './sandbox.ts'
import { serveNode } from './server/serve.ts'
import { ServiceAccounts } from './service-accounts.ts'
import { Tokens } from './tokens.ts'
import { withTokenVolume } from './volumes/token-volume.ts'

export interface KubeletOptions {
  client: ApiClient
  nodeName: string
  /** One a family, primary family first. */
  nodeAddresses: string[]
  /** One a family, primary family first. */
  podCIDRs: string[]
  /** With what the kubelet's port is served; made by the lab's own API. */
  identityFile?: string
  log: Log
}

const leaseRenewalMs = 10_000
/** Pods that are wired at the same time; each runs a handful of short processes. */
const parallelStarts = 4
/** How often it is seen whether the pods' holders are alive. */
const lookIntervalMs = 1_000

/**
 * The lab's stand-in for a kubelet: keeps the node's lease, wires the pods that are bound to the node with CNI, serves their
 * ports by the echo server, reports their status and takes them down. Runs in the node's network and mount namespace until
 * the signal aborts; pods stay wired then and are taken over by the next kubelet.
 */
export async function runKubelet(options: KubeletOptions, signal: AbortSignal): Promise<void> {
  const { client, nodeName, log } = options
  const api = nodeApi(client)
  const services = new ObjectStore<Service>({ indexes: { namespace: (service) => [service.metadata.namespace] } })
  const pods = new ObjectStore<Pod>()
  skipDuplicateAddressDetection()
  writeConflist(nodeConflist(options.podCIDRs))
  const onChange = (namespace: string): void => workers.refresh(new Set([namespace]))
  const objects = new ConfigObjects({ client, signal, log, onChange })
  const events = new EventRecorder({
    client,
    component: 'kubelet',
    instance: nodeName,
    onError: (error) => log('event not written', { error: error.message }),
  })
  signal.addEventListener('abort', () => events.close(), { once: true })
  const host = podHost(options, { api, services, objects, events })
  const workers = new PodWorkers(host)
  pods.onChange((changes) => workers.apply(changes))
  const looking = setInterval(() => workers.look(), lookIntervalMs)
  signal.addEventListener('abort', () => clearInterval(looking), { once: true })
  services.onChange((changes) => workers.refreshFor(changes))
  await Promise.all([
    keepNode(api, options, signal),
    serveNode({ ...options, pods: () => pods.values() }, signal),
    reflect(client, 'services', {}, services, log).run(signal),
    reflect(client, 'pods', { fieldSelector: `spec.nodeName=${nodeName}` }, pods, log).run(signal),
  ])
}

interface Shared {
  api: NodeApi
  services: ObjectStore<Service>
  objects: ConfigObjects
  events: EventRecorder
}

function podHost({ client, nodeName, nodeAddresses, log }: KubeletOptions, shared: Shared): PodHost {
  const { api, services, objects, events } = shared
  const tokens = new Tokens(client)
  const accounts = new ServiceAccounts(client)
  // Some take their time; the first pods do not wait for that.
  let reaped = true
  void areOrphansReaped().then(
    (found) => (reaped = found),
    () => {},
  )
  return {
    nodeName,
    nodeAddresses,
    network: () => readConflist(),
    api,
    services: (namespace) => [...services.byIndex('namespace', namespace)],
    ready: async (pod) => void (await Promise.all([objects.ready(pod), tokens.prepare(pod)])),
    admitted: async (pod) => withTokenVolume(pod, await accounts.automount(pod)),
    objects: (namespace) => ({
      configMap: (name) => objects.configMap(namespace, name),
      secret: (name) => objects.secret(namespace, name),
    }),
    token: (pod, audience) => tokens.token(pod, audience),
    forget: (pod) => tokens.forget(pod),
    ownPids: () => reaped,
    dns: () => ({ clusterDns: clusterDns(services), clusterDomain, nodeResolvConf: textOf('/etc/resolv.conf') }),
    nodeHosts: () => textOf('/etc/hosts'),
    event(pod, type, reason, message) {
      const { name, namespace, uid } = pod.metadata
      const reference = { apiVersion: 'v1', kind: 'Pod', name, namespace, uid }
      if (type === 'Normal') events.normal(reference, reason, message)
      else events.warning(reference, reason, message)
    },
    limit: limiter(parallelStarts),
    log,
  }
}

const clusterDomain = 'cluster.local'

function clusterDns(services: ObjectStore<Service>): string | undefined {
  const address = services.get('kube-system/kube-dns')?.spec.clusterIP
  return address === undefined || address === '' || address === 'None' ? undefined : address
}

/** The workers of the pods of this node, by uid. */
class PodWorkers {
  private readonly host: PodHost
  private readonly workers = new Map<string, PodWorker>()
  private swept = false

  constructor(host: PodHost) {
    this.host = host
  }

  apply(changes: Changes<Pod>): void {
    for (const { old, now } of changes.values()) {
      if (old !== undefined && old.metadata.uid !== now?.metadata.uid) this.end(old.metadata.uid)
    }
    const shown = [...changes.values()].flatMap(({ now }) => now ?? [])
    for (const pod of shown.sort(byCreation)) this.show(pod)
    if (!this.swept) void this.sweep()
    this.swept = true
  }

  /** Looks again at all pods of these namespaces. */
  refresh(namespaces: Set<string>): void {
    for (const worker of this.workers.values()) if (namespaces.has(worker.namespace)) worker.refresh()
  }

  /** A cluster DNS that comes or goes concerns every pod. */
  refreshFor(changes: Changes<Service>): void {
    const namespaces = namespacesOf(changes)
    const dns = changes.has('kube-system/kube-dns')
    for (const worker of this.workers.values()) {
      if (dns) worker.refresh()
      else if (namespaces.has(worker.namespace)) worker.refreshPorts()
    }
  }

  look(): void {
    for (const worker of this.workers.values()) worker.look()
  }

  private show(pod: Pod): void {
    const { uid } = pod.metadata
    const worker = this.workers.get(uid)
    if (worker !== undefined) worker.update(pod)
    else this.workers.set(uid, new PodWorker(pod, this.host, rejectionOf(pod, this.taken())))
  }

  private *taken(): Iterable<Pod> {
    for (const { latest, rejection } of this.workers.values()) if (rejection === undefined) yield latest
  }

  /** The object is gone (it was deleted by force, or its worker has just finished it). */
  private end(uid: string): void {
    const worker = this.workers.get(uid)
    this.workers.delete(uid)
    void worker?.stop(0)
  }

  /** Removes what pods left that were deleted while no kubelet ran. */
  private async sweep(): Promise<void> {
    const { host } = this
    for (const uid of await listPods()) {
      if (this.workers.has(uid)) continue
      host
        .limit(() => removeUnknownPod(uid, host))
        .catch((error: unknown) => host.log('pod not removed', { uid, error: errorText(error) }))
    }
  }
}

/** Of two pods that ask for the same, the older has it. */
const byCreation = (a: Pod, b: Pod): number =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '')

function namespacesOf(changes: Changes<Service>): Set<string> {
  const both = [...changes.values()].flatMap(({ old, now }) => [old, now])
  return new Set(both.flatMap((service) => (service ? [service.metadata.namespace] : [])))
}

function reflect<T extends Pod | Service>(
  client: ApiClient,
  resource: string,
  query: Record<string, string>,
  store: ObjectStore<T>,
  log: Log,
): Reflector<T> {
  return new Reflector<T>({
    client,
    path: resourcePath({ version: 'v1', resource }),
    query,
    decode: (raw) => ({ key: objectKey(raw.metadata), value: raw as T }),
    store,
    onError: (error) => log('watch failed', { resource, error: error.message }),
  })
}

/** Reports the node once it can be reached, then renews its lease for as long as the kubelet runs. */
async function keepNode(api: NodeApi, { nodeName, nodeAddresses, log }: KubeletOptions, signal: AbortSignal) {
  let reported = false
  while (!signal.aborted) {
    let wait = leaseRenewalMs
    try {
      if (!reported) await api.reportNode(nodeName, nodeAddresses)
      reported = true
      await api.renewLease(nodeName)
    } catch (error) {
      log('node not reported', { error: errorText(error) })
      wait = 500
    }
    await sleep(wait, undefined, { signal }).catch(() => {})
  }
}
