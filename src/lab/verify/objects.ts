import type { ApiClient } from '../../kube/client.ts'
import type { EndpointSlice, KubeObject, Node, Pod, Service } from '../../kube/types.ts'
import type { ClusterObjects } from './types.ts'

/** What verify needs of an API client. */
export type Lister = Pick<ApiClient, 'list'>

/** All objects that make claims about traffic, in order of namespace and name. @throws ApiError */
export async function listObjects(api: Lister): Promise<ClusterObjects> {
  const [pods, services, slices, nodes] = await Promise.all([
    api.list<Pod>('/api/v1/pods'),
    api.list<Service>('/api/v1/services'),
    api.list<EndpointSlice>('/apis/discovery.k8s.io/v1/endpointslices'),
    api.list<Node>('/api/v1/nodes'),
  ])
  return { pods: sorted(pods), services: sorted(services), slices: sorted(slices), nodes: sorted(nodes) }
}

const sorted = <T extends KubeObject>({ items }: { items: T[] }): T[] =>
  items.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))

const sortKey = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** Changes whenever an object that traffic depends on does. Nodes are left out: their heartbeats say nothing. */
export const versionOf = ({ pods, services, slices }: ClusterObjects): string =>
  [...pods, ...services, ...slices]
    .map(({ metadata }) => `${metadata.uid ?? ''}@${metadata.resourceVersion ?? ''}`)
    .join(' ')
