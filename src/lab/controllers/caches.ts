import type { KubeObject } from '../api/types.ts'
import { Cache, type IndexBy } from './cache.ts'
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  Job,
  Lease,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Service,
  StatefulSet,
} from './kinds.ts'
import { controllerOf, joinKey } from './objects.ts'

/** What the controllers look at, by plural resource name. */
export interface Caches {
  pods: Cache<Pod>
  nodes: Cache<Node>
  leases: Cache<Lease>
  services: Cache<Service>
  endpointslices: Cache<EndpointSlice>
  replicasets: Cache<ReplicaSet>
  deployments: Cache<Deployment>
  statefulsets: Cache<StatefulSet>
  daemonsets: Cache<DaemonSet>
  controllerrevisions: Cache<ControllerRevision>
  jobs: Cache<Job>
  endpoints: Cache<Endpoints>
  namespaces: Cache<KubeObject>
  serviceaccounts: Cache<KubeObject>
  configmaps: Cache<KubeObject>
  persistentvolumeclaims: Cache<KubeObject>
  poddisruptionbudgets: Cache<PodDisruptionBudget>
}

/** The label of a slice that names its Service (discovery.k8s.io/v1, LabelServiceName). */
export const serviceNameLabel = 'kubernetes.io/service-name'

const byController: IndexBy<KubeObject> = (object) => [controllerOf(object)?.uid ?? '']
const byNamespace: IndexBy<KubeObject> = (object) => [object.metadata.namespace ?? '']
const labelValue = (namespace: string, key: string, value: string): string => `${namespace}/${key}=${value}`
const byLabel: IndexBy<KubeObject> = (object) =>
  Object.entries(object.metadata.labels ?? {}).map(([key, value]) =>
    labelValue(object.metadata.namespace ?? '', key, value),
  )
const byNode: IndexBy<Pod> = (pod) => [pod.spec.nodeName ?? '']
const byService: IndexBy<EndpointSlice> = (slice) => {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined ? [] : [joinKey(slice.metadata.namespace, name)]
}
/** One pair of the selector is enough to find the candidates for a pod's labels. */
const byOneOfSelector: IndexBy<Service> = (service) =>
  Object.entries(service.spec.selector ?? {})
    .slice(0, 1)
    .map(([key, value]) => labelValue(service.metadata.namespace ?? '', key, value))

export const createCaches = (): Caches => ({
  pods: new Cache<Pod>({ controller: byController, namespace: byNamespace, label: byLabel, node: byNode }),
  nodes: new Cache<Node>(),
  leases: new Cache<Lease>(),
  services: new Cache<Service>({ selector: byOneOfSelector }),
  endpointslices: new Cache<EndpointSlice>({ service: byService }),
  replicasets: new Cache<ReplicaSet>({ controller: byController, namespace: byNamespace, label: byLabel }),
  deployments: new Cache<Deployment>({ namespace: byNamespace }),
  statefulsets: new Cache<StatefulSet>({ namespace: byNamespace }),
  daemonsets: new Cache<DaemonSet>({ namespace: byNamespace }),
  controllerrevisions: new Cache<ControllerRevision>({
    controller: byController,
    namespace: byNamespace,
    label: byLabel,
  }),
  jobs: new Cache<Job>({ namespace: byNamespace }),
  endpoints: new Cache<Endpoints>(),
  namespaces: new Cache<KubeObject>(),
  serviceaccounts: new Cache<KubeObject>(),
  configmaps: new Cache<KubeObject>(),
  persistentvolumeclaims: new Cache<KubeObject>(),
  poddisruptionbudgets: new Cache<PodDisruptionBudget>({ namespace: byNamespace }),
})

/** Objects of a namespace that have at least one of the wanted labels; a superset of what a selector with these labels matches. */
export function candidates<T extends KubeObject>(
  cache: Cache<T>,
  namespace: string,
  wanted: Record<string, string> | undefined,
): T[] {
  const [pair] = Object.entries(wanted ?? {})
    .map(([key, value]) => labelValue(namespace, key, value))
    .sort((a, b) => cache.count('label', a) - cache.count('label', b))
  return pair === undefined ? cache.indexed('namespace', namespace) : cache.indexed('label', pair)
}

/** Services whose selector may match these labels; the caller checks the rest of the selector. */
export function* servicesFor(caches: Caches, pod: Pod): Iterable<Service> {
  for (const value of byLabel(pod)) yield* caches.services.scan('selector', value)
}
