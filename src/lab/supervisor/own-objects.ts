import type { KubeObject } from '../api/types.ts'
import type { ManifestDocument } from '../manifests.ts'

const kinds: Readonly<Record<string, string>> = {
  deployments: 'Deployment',
  statefulsets: 'StatefulSet',
  daemonsets: 'DaemonSet',
  jobs: 'Job',
}

/**
 * What of a cluster is this lab's business, where it shares an API server with others: pods on its nodes, and workloads of its manifests.
 *
 * @param nodes names of the lab's nodes
 */
export function ownObjects(
  manifests: readonly ManifestDocument[],
  nodes: ReadonlySet<string>,
): (resource: string, object: KubeObject) => boolean {
  const applied = new Set(
    manifests.map(({ object: { kind, metadata } }) => `${kind} ${metadata.namespace ?? 'default'}/${metadata.name}`),
  )
  return (resource, { metadata, spec }) =>
    resource === 'pods'
      ? nodes.has(spec?.nodeName)
      : applied.has(`${kinds[resource]} ${metadata.namespace}/${metadata.name}`)
}
