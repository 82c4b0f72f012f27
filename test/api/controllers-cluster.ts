import { differences } from './controllers-compare.ts'
import { PlayedCluster } from './controllers-kubelets.ts'
import type { RecordedStep } from './controllers-recording.ts'
import { trimmed, trimmedEvent } from './controllers-trim.ts'

type Json = any

/** Our control plane in the place of the one that was recorded, to be compared with it step by step. */
export class ReplayCluster extends PlayedCluster {
  /** The count of each Event when it was last looked at. */
  readonly #seen = new Map<string, number>()

  /** What there is now, as the step has it. */
  objects({ objects }: RecordedStep): Record<string, Json> {
    const found = Object.fromEntries(Object.keys(objects).map((resource) => [resource, this.#found(resource)]))
    // The answer to a node's creation was recorded without its status.
    if (objects['nodes']?.[0]?.status === undefined) for (const node of found['nodes'] ?? []) delete node.status
    return found
  }

  #found(resource: string): Json {
    if (resource === 'events') return this.#newEvents()
    if (resource === 'sizes') return this.#sizes()
    if (resource === 'addressesInEndpoints')
      return this.store
        .list('endpoints', this.namespace)
        .flatMap(({ subsets }) => (subsets ?? []).flatMap(({ addresses = [] }: Json) => addresses)).length
    if (resource === 'namespace') return this.#namespaceOrStatus()
    const namespace = resource === 'nodes' ? undefined : this.namespace
    return this.store.list(resource, namespace).map((object) => trimmed(resource, object))
  }

  #sizes(): Json {
    const slices = this.store.list('endpointslices', this.namespace).map(({ endpoints }) => (endpoints ?? []).length)
    return Object.fromEntries(slices.sort((a, b) => b - a).map((size, at) => [`slice-${at + 1}`, size]))
  }

  #namespaceOrStatus(): Json {
    const object = this.store.get('namespaces', undefined, this.namespace)
    if (object !== undefined) return trimmed('namespaces', object)
    const details = { name: this.namespace, kind: 'namespaces' }
    const message = `namespaces "${this.namespace}" not found`
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
    return { ...status, message, reason: 'NotFound', details, code: 404 }
  }

  /** Events that are new, or counted up, since they were last looked at. */
  #newEvents(): Json[] {
    const events = this.store.list('events', this.namespace)
    const fresh = events.filter((event) => (this.#seen.get(event.metadata.uid) ?? -1) < (event['count'] ?? 0))
    for (const { metadata, ...event } of events) this.#seen.set(metadata.uid, event['count'] ?? 0)
    return fresh.map(trimmedEvent)
  }

  /** Where the step differs from what there is; names are bound as far as they agree. */
  compare(recorded: RecordedStep): string[] {
    const ours = this.objects(recorded)
    const inOrder = Object.keys(recorded.objects).sort((a, b) => rank(a) - rank(b))
    return inOrder.flatMap((resource) =>
      differences(recorded.objects[resource], ours[resource], resource, this.bindings),
    )
  }
}

/** Objects before what names them, so that names are bound where they are certain. */
const rank = (resource: string): number =>
  [
    'daemonsets',
    'statefulsets',
    'deployments',
    'replicasets',
    'pods',
    'controllerrevisions',
    'services',
    'endpointslices',
    'endpoints',
    'nodes',
    'configmaps',
  ].indexOf(resource) + (resource === 'events' ? 100 : 0)
