/** One resource, an object of it, or a subresource of that object. */
export interface ResourceRef {
  /** Absent or `''` for the core group. */
  group?: string
  version: string
  /** Plural resource name, e.g. `endpointslices`. */
  resource: string
  namespace?: string
  name?: string
  /** E.g. `status`, `scale`; only with `name`. */
  subresource?: string
}

/**
 * The URL path of a resource, e.g. `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-1`. Without `namespace` it
 * names all namespaces, or a resource that has none. Names are escaped (RBAC names may hold `:`).
 */
export function resourcePath(ref: ResourceRef): string {
  const parts = ref.group ? ['apis', ref.group, ref.version] : ['api', ref.version]
  if (ref.namespace) parts.push('namespaces', ref.namespace)
  parts.push(ref.resource)
  if (ref.name) parts.push(ref.name)
  if (ref.subresource) parts.push(ref.subresource)
  return `/${parts.map(encodeURIComponent).join('/')}`
}
