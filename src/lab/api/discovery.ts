import type { Json } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds } from './kinds.ts'
import { subresourceVerbs, type Verb, verbsOf } from './request.ts'

/** Kind and version under which a subresource is read and written, where they are not the kind's own. */
const subresourceKinds: Readonly<Record<string, { group: string; version: string; kind: string }>> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  binding: { group: '', version: '', kind: 'Binding' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
}

const subresources = ['binding', 'eviction', 'scale', 'status'] as const

function subresourcesOf(kind: Kind): Array<{ name: string; verbs: readonly Verb[] }> {
  return subresources
    .map((name) => ({ name, verbs: subresourceVerbs(kind, name) }))
    .filter(({ verbs }) => verbs.length > 0)
}

const served = (group: string): Kind[] =>
  kinds.filter((kind) => kind.group === group).sort((a, b) => (a.plural < b.plural ? -1 : 1))

const extras = ({ shortNames, categories }: Kind): Json => ({
  ...(shortNames.length > 0 ? { shortNames } : {}),
  ...(categories.length > 0 ? { categories } : {}),
})

/** metav1.APIResourceList of a group, or undefined. */
export function resourceList(group: string, version: string): Json | undefined {
  const list = served(group).filter((kind) => kind.version === version)
  const [first] = list
  if (first === undefined) return undefined
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf(first),
    resources: list.flatMap((kind) => [
      {
        name: kind.plural,
        singularName: kind.singular,
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: verbsOf(kind),
        ...extras(kind),
      },
      ...subresourcesOf(kind).map(({ name, verbs }) => ({
        name: `${kind.plural}/${name}`,
        singularName: '',
        namespaced: kind.namespaced,
        ...gvk(name, kind),
        verbs,
      })),
    ]),
  }
}

/** Group and version are left out where they are the resource's own. */
function gvk(subresource: string, kind: Kind): Json {
  const other = subresourceKinds[subresource]
  if (other === undefined) return { kind: kind.kind }
  return other.version === '' ? { kind: other.kind } : other
}

const groups = [...new Set(kinds.map((kind) => kind.group))].filter((group) => group !== '')

/** metav1.APIGroup of a group, or undefined. */
export function apiGroup(name: string, alone = true): Json | undefined {
  if (!groups.includes(name)) return undefined
  const version = { groupVersion: `${name}/v1`, version: 'v1' }
  const head = alone ? { kind: 'APIGroup', apiVersion: 'v1' } : {}
  return { ...head, name, versions: [version], preferredVersion: version }
}

export const apiGroupList = (): Json => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.map((group) => apiGroup(group, false)),
})

/** metav1.APIVersions: the answer to /api. */
export const apiVersions = (serverAddress: string): Json => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** Whether an Accept header asks for aggregated discovery before anything else that is served. */
export function wantsAggregated(accept: string | undefined): boolean {
  for (const range of (accept ?? '').split(',')) {
    const parameters = new Set(
      range
        .split(';')
        .slice(1)
        .map((parameter) => parameter.trim()),
    )
    if (parameters.has('as=APIGroupDiscoveryList')) {
      if (parameters.has('v=v2') && parameters.has('g=apidiscovery.k8s.io')) return true
    } else if (/application\/(json|\*)|\*\/\*/.test(range)) return false
  }
  return false
}

/** APIGroupDiscoveryList (apidiscovery.k8s.io/v2): of core, or of all other groups. */
export function aggregated(core: boolean): Json {
  const items = (core ? [''] : groups).map((group) => ({
    metadata: core ? {} : { name: group },
    versions: [{ version: 'v1', resources: served(group).map(aggregatedResource), freshness: 'Current' }],
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}

function aggregatedResource(kind: Kind): Json {
  const responseKind = { group: '', version: '', kind: kind.kind }
  const below = subresourcesOf(kind).map(({ name, verbs }) => ({
    subresource: name,
    responseKind: subresourceKinds[name] ?? responseKind,
    verbs,
  }))
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...extras(kind),
    ...(below.length > 0 ? { subresources: below } : {}),
  }
}
