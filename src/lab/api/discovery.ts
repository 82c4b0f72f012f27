import { createHash } from 'node:crypto'
import type { Json } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds as builtIn } from './kinds.ts'
import type { KindRegistry } from './registry.ts'
import { subresourceVerbs, type Verb, verbsOf } from './request.ts'

/** Kind and version under which a subresource is read and written, where they are not the kind's own. */
const subresourceKinds: Readonly<Record<string, { group: string; version: string; kind: string }>> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  binding: { group: '', version: '', kind: 'Binding' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
}

const subresources = ['binding', 'eviction', 'finalize', 'scale', 'status'] as const
const customSubresources = ['status', 'scale'] as const

interface Subresource {
  name: string
  verbs: readonly Verb[]
  /** Undefined: the kind of the resource. */
  of: { group: string; version: string; kind: string } | undefined
}

/** In the order of names; a custom resource's status comes first. */
function subresourcesOf(kind: Kind): Subresource[] {
  const own = (kind.custom === undefined ? subresources : customSubresources)
    .map((name) => ({ name, verbs: subresourceVerbs(kind, name), of: subresourceKinds[name] }))
    .filter(({ verbs }) => verbs.length > 0)
  if (kind.elsewhere.length === 0) return own
  const others = kind.elsewhere.map(({ name, verbs, group = '', version = '', kind }) => ({
    name,
    verbs,
    of: { group, version, kind },
  }))
  return [...own, ...others].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const served = (registry: KindRegistry, group: string, version: string): Kind[] =>
  registry
    .all()
    .filter((kind) => kind.group === group && kind.version === version)
    .sort((a, b) => (a.plural < b.plural ? -1 : 1))

const extras = ({ shortNames, categories }: Kind): Json => ({
  ...(shortNames.length > 0 ? { shortNames } : {}),
  ...(categories.length > 0 ? { categories } : {}),
})

const hashBytes = 8

/** Kinds that a real server stores as another version. */
const storedAs: Readonly<Record<string, string>> = {
  'events.k8s.io/v1/Event': '/v1/Event',
  'autoscaling/v1/HorizontalPodAutoscaler': 'autoscaling/v2/HorizontalPodAutoscaler',
  'apiextensions.k8s.io/v1/CustomResourceDefinition': 'apiextensions.k8s.io/v1beta1/CustomResourceDefinition',
}

/** Tells clients when objects are stored as another version (discovery.StorageVersionHash of apiserver). */
const storageHash = ({ group, version, kind }: Kind): Json => {
  const own = `${group}/${version}/${kind}`
  const digest = createHash('sha256')
    .update(storedAs[own] ?? own)
    .digest()
  return { storageVersionHash: digest.subarray(0, hashBytes).toString('base64') }
}

/** metav1.APIResourceList of a group, or undefined. */
export function resourceList(registry: KindRegistry, group: string, version: string): Json | undefined {
  const list = served(registry, group, version)
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
        ...(kind.review === undefined && kind.verbs === undefined ? storageHash(kind) : {}),
      },
      ...subresourcesOf(kind).map(({ name, verbs, of }) => ({
        name: `${kind.plural}/${name}`,
        singularName: '',
        namespaced: kind.namespaced,
        ...gvk(of, kind),
        verbs,
      })),
    ]),
  }
}

/** Group and version are left out where they are the resource's own. */
function gvk(other: Subresource['of'], kind: Kind): Json {
  if (other === undefined) return { kind: kind.kind }
  return other.version === '' ? { kind: other.kind } : other
}

const own = new Set(builtIn.map((kind) => kind.group))

/** Groups in the order of the table, then those of custom resources by name. */
function groupsOf(registry: KindRegistry): string[] {
  const all = [...new Set(registry.all().map((kind) => kind.group))].filter((group) => group !== '')
  return [...all.filter((group) => own.has(group)), ...all.filter((group) => !own.has(group)).sort()]
}

const parsed = (version: string): { rank: number; major: number; minor: number } => {
  const [, major = '', stage, minor = ''] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? []
  if (major === '') return { rank: 0, major: 0, minor: 0 }
  return { rank: stage === undefined ? 3 : stage === 'beta' ? 2 : 1, major: Number(major), minor: Number(minor) }
}

/** `v2` before `v1` before `v1beta2` before `v1alpha1` before what is no such name (CompareKubeAwareVersionStrings). */
function compareVersions(a: string, b: string): number {
  const [x, y] = [parsed(a), parsed(b)]
  if (x.rank === 0 && y.rank === 0) return a < b ? -1 : a > b ? 1 : 0
  return y.rank - x.rank || y.major - x.major || y.minor - x.minor
}

/** Versions of a group, the preferred one first. */
const versionsOf = (registry: KindRegistry, group: string): string[] =>
  [...new Set(registry.all().flatMap((kind) => (kind.group === group ? [kind.version] : [])))].sort(compareVersions)

/** metav1.APIGroup of a group, or undefined. */
export function apiGroup(registry: KindRegistry, name: string, alone = true): Json | undefined {
  const versions = versionsOf(registry, name).map((version) => ({ groupVersion: `${name}/${version}`, version }))
  if (name === '' || versions.length === 0) return undefined
  const head = alone ? { kind: 'APIGroup', apiVersion: 'v1' } : {}
  return { ...head, name, versions, preferredVersion: versions[0] }
}

export const apiGroupList = (registry: KindRegistry): Json => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(registry).map((group) => apiGroup(registry, group, false)),
})

/** metav1.APIVersions: the answer to /api. */
export const apiVersions = (serverAddress: string): Json => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

/** What is served below / : groups and versions, and the paths that are no resource's. */
export function rootPaths(registry: KindRegistry, others: readonly string[]): string[] {
  const names = groupsOf(registry).flatMap((group) => [
    `/apis/${group}`,
    ...versionsOf(registry, group).map((version) => `/apis/${group}/${version}`),
  ])
  return ['/api', '/api/v1', '/apis', ...names, ...others, '/openapi/v2', '/openapi/v3'].sort()
}

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
export function aggregated(registry: KindRegistry, core: boolean): Json {
  const items = (core ? [''] : groupsOf(registry)).map((group) => ({
    metadata: core ? {} : { name: group },
    versions: versionsOf(registry, group).map((version) => ({
      version,
      resources: served(registry, group, version).map(aggregatedResource),
      freshness: 'Current',
    })),
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}

function aggregatedResource(kind: Kind): Json {
  const { group, version } = kind.custom === undefined ? { group: '', version: '' } : kind
  const responseKind = { group, version, kind: kind.kind }
  const below = subresourcesOf(kind).map(({ name, verbs, of }) => ({
    subresource: name,
    responseKind: of ?? responseKind,
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
