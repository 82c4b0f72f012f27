import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { Reflector } from '../../kube/reflector.ts'
import { type Changes, ObjectStore } from '../../kube/store.ts'
import { objectKey } from '../../kube/types.ts'
import { errorText, type Log } from '../log.ts'
import { nodeConflist } from './cni-conflist.ts'
import { limiter } from './limit.ts'
import { type NodeApi, nodeApi } from './node-api.ts'
import type { Pod, Service } from './pod.ts'
import { type PodHost, PodWorker } from './pod-worker.ts'
import { listSandboxes, removeSandbox } from './sandbox.ts'

export interface KubeletOptions {
  client: ApiClient
  nodeName: string
  nodeAddress: string
  podCIDR: string
  log: Log
}

const leaseRenewalMs = 10_000
/** Pods that are wired at the same time; each runs a handful of short processes. */
const parallelStarts = 4

/**
 * The lab's stand-in for a kubelet: keeps the node's lease, wires the pods that are bound to the node with CNI, serves their
 * ports by the echo server, reports their status and takes them down. Runs in the node's network and mount namespace until
 * the signal aborts; pods stay wired then and are taken over by the next kubelet.
 */
export async function runKubelet(options: KubeletOptions, signal: AbortSignal): Promise<void> {
  const { client, nodeName, nodeAddress, log } = options
  const api = nodeApi(client)
  const services = new ObjectStore<Service>({ indexes: { namespace: (service) => [service.metadata.namespace] } })
  const pods = new ObjectStore<Pod>()
  const host: PodHost = {
    nodeName,
    nodeAddress,
    network: nodeConflist(options.podCIDR),
    api,
    services: (namespace) => [...services.byIndex('namespace', namespace)],
    limit: limiter(parallelStarts),
    log,
  }
  const workers = new PodWorkers(host)
  pods.onChange((changes) => workers.apply(changes))
  services.onChange((changes) => workers.refresh(namespacesOf(changes)))
  await Promise.all([
    keepNode(api, options, signal),
    reflect(client, 'services', {}, services, log).run(signal),
    reflect(client, 'pods', { fieldSelector: `spec.nodeName=${nodeName}` }, pods, log).run(signal),
  ])
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
      if (now !== undefined) this.show(now)
    }
    if (!this.swept) this.sweep()
    this.swept = true
  }

  /** Looks again at all pods of these namespaces. */
  refresh(namespaces: Set<string>): void {
    for (const worker of this.workers.values()) if (namespaces.has(worker.namespace)) worker.refresh()
  }

  private show(pod: Pod): void {
    const { uid } = pod.metadata
    const worker = this.workers.get(uid)
    if (worker !== undefined) worker.update(pod)
    else this.workers.set(uid, new PodWorker(pod, this.host))
  }

  /** The object is gone (it was deleted by force, or its worker has just finished it). */
  private end(uid: string): void {
    const worker = this.workers.get(uid)
    this.workers.delete(uid)
    void worker?.stop(0)
  }

  /** Removes what pods left that were deleted while no kubelet ran. */
  private sweep(): void {
    const { host } = this
    for (const uid of listSandboxes()) {
      if (this.workers.has(uid)) continue
      host
        .limit(() => removeSandbox(uid, host.network))
        .catch((error: unknown) => host.log('sandbox not removed', { uid, error: errorText(error) }))
    }
  }
}

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
async function keepNode(api: NodeApi, { nodeName, nodeAddress, log }: KubeletOptions, signal: AbortSignal) {
  let reported = false
  while (!signal.aborted) {
    let wait = leaseRenewalMs
    try {
      if (!reported) await api.reportNode(nodeName, nodeAddress)
      reported = true
      await api.renewLease(nodeName)
    } catch (error) {
      log('node not reported', { error: errorText(error) })
      wait = 500
    }
    await sleep(wait, undefined, { signal }).catch(() => {})
  }
}
