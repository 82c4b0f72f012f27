import type { Json } from '../../src/lab/api/access.ts'
import type { EmbeddedApi } from '../../src/lab/api/server.ts'
import type { Exchange, FileName } from './replay.ts'
import { merge, post, type Step } from './replay-steps.ts'
import { cellObjects, tableObjects } from './replay-tables.ts'

/** What happened while a watch was open. */
export interface During {
  /** Events that have come before the steps are taken. */
  after: number
  steps: Step[]
}

/** What the recorder did by hand in one file, by the name of the exchange beside which it happened. */
export interface Extras {
  before?: Record<string, Step[]>
  during?: Record<string, During | ((exchange: Exchange) => During)>
  /** Watches that ran beside other exchanges: the one before which they began, by name. */
  early?: Record<string, string>
  /** The part of an answer that was recorded, by name. */
  shown?: Record<string, (body: Json) => unknown>
  /** Names of objects that `before` or `during` makes. */
  made?: readonly string[]
}

/** The token that an exchange was sent with; the recording does not show it. */
export function tokenOf(file: FileName, name: string, admin: string): string | undefined {
  if (name === 'auth/none') return undefined
  if (name === 'auth/bad') return 'wrong'
  return name.startsWith('auth/low') || (file === 'reviews' && name === 'access/low') ? 'low' : admin
}

const core = (namespace: string, plural: string): string => `/api/v1/namespaces/${namespace}/${plural}`
const definition = (names: { plural: string; kind: string }, version: Json): Json => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${names.plural}.fx.example` },
  spec: {
    group: 'fx.example',
    names: { ...names, singular: names.kind.toLowerCase(), listKind: `${names.kind}List` },
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, storage: true, ...version }],
  },
})
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const object = (properties: Json): Json => ({ type: 'object', properties })
const text = { type: 'string' }

const defineThings = post(
  definitions,
  definition(
    { plural: 'things', kind: 'Thing' },
    { schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } },
  ),
)

const appliedSpec = object({
  size: { type: 'integer' },
  plain: { type: 'array', items: text },
  set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
  keyed: {
    type: 'array',
    items: { ...object({ name: text, v: { type: 'integer' } }), required: ['name'] },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  },
})
const defineApplied = post(
  definitions,
  definition(
    { plural: 'applied', kind: 'Applied' },
    {
      schema: { openAPIV3Schema: object({ spec: appliedSpec, status: object({ phase: text }) }) },
      subresources: { status: {} },
    },
  ),
)

const discoveryFailure = {
  type: 'NamespaceDeletionDiscoveryFailure',
  status: 'False',
  lastTransitionTime: '2020-01-02T03:04:05Z',
  reason: 'ByHand',
  message: 'set by hand',
}

const maps = core('fx-list', 'configmaps')
const configMap = (name: string, labels?: Json): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
})

const widgets = '/apis/fx.example/v1/namespaces/fx-crd/widgets'

const containers = [{ name: 'main', image: 'example.com/app:1', ports: [{ name: 'http', containerPort: 8080 }] }]
const web = { app: 'web' }

const replicaSet = (name: string): Json => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name },
  spec: { selector: { matchLabels: web }, template: { metadata: { labels: web }, spec: { containers } } },
})

/** While a table is watched, its object gets a second label. */
const labelled = ({ path, name }: Exchange): During => ({
  after: 1,
  steps: [merge(`${path.split('?')[0]}/t-${name.split('/')[0]}`, { metadata: { labels: { more: 'yes' } } })],
})

/** The server's clock stands still, until `letClockGo`. */
function holdClock({ store }: EmbeddedApi): void {
  const time = store.now()
  store.now = () => time
}

const letClockGo = ({ store }: EmbeddedApi): void => void Reflect.deleteProperty(store, 'now')

export const extras: Partial<Record<FileName, Extras>> = {
  delete: {
    made: ['left', 'bindme'],
    before: {
      'propagation/Background': [post('/apis/apps/v1/namespaces/fx/replicasets', replicaSet('background'))],
      'pod/binding-ok': [
        post(core('fx', 'pods'), {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'bindme', labels: web },
          spec: { containers },
        }),
      ],
      'namespace/delete': [post(core('going', 'configmaps'), configMap('left'))],
    },
  },
  apply: { before: { 'crd/create': [defineApplied] } },
  patches: { before: { 'strategic/crd': [defineThings] } },
  crd: {
    before: {
      'crd/create': [defineThings],
      // Made by a rule that is not evaluated here.
      'crd/delete': [merge(`${widgets}/ios`, { metadata: { finalizers: ['fx.example/wait'] } })],
      'crd/delete-watch': [merge(`${widgets}/ios`, { metadata: { finalizers: null } })],
    },
    during: { watch: { after: 1, steps: [merge(`${widgets}/w`, { spec: { size: 5 } })] } },
    early: { 'crd/delete-watch': 'crd/delete' },
    shown: {
      'discovery/aggregated': ({ items }) => items.filter(({ metadata }: Json) => metadata.name === 'fx.example'),
    },
  },
  errors: {
    made: ['fx-err'],
    before: {
      // The newest default class wins: both were made within one second, as times in the API are whole ones.
      'ingressclass/default': [holdClock],
      'ingressclass/bad-controller': [letClockGo],
      'node/change-podcidr': [
        post('/api/v1/nodes', {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: 'fx-err' },
          spec: { podCIDR: '10.42.8.0/24' },
        }),
      ],
    },
  },
  'crud-custom': { before: { 'thing/create': [defineThings] } },
  tables: {
    before: {
      ...tableObjects,
      ...cellObjects,
      'namespace/list': [defineThings, ...(tableObjects['namespace/list'] ?? [])],
    },
    during: Object.fromEntries(Object.keys(tableObjects).map((name) => [name.replace('/list', '/watch'), labelled])),
  },
  'list-watch': {
    made: ['aa', 'w', 'namespace-1'],
    before: {
      'labels/equal': [
        post('/api/v1/namespaces', {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'namespace-1', labels: { app: 'web', team: 'a' } },
        }),
        { method: 'DELETE', path: '/api/v1/namespaces/namespace-1' },
        merge('/api/v1/namespaces/namespace-1/status', { status: { conditions: [discoveryFailure] } }),
      ],
      'limit/second': [post(maps, configMap('aa'))],
      // Between these, etcd was compacted.
      'expired/continue': [post(core('default', 'configmaps'), configMap('later')), (api) => api.store.compact()],
    },
    during: {
      'watch/from-version': {
        after: 0,
        steps: [
          post(maps, configMap('w', { tier: 'web' })),
          merge(`${maps}/w`, { data: { x: '1' } }),
          merge(`${maps}/w`, { metadata: { labels: { tier: 'db' } } }),
          { method: 'DELETE', path: `${maps}/w` },
        ],
      },
      'watch/selector': {
        after: 1,
        steps: [
          merge(`${maps}/c`, { data: { x: '1' } }),
          merge(`${maps}/c`, { metadata: { labels: { tier: 'web' } } }),
          merge(`${maps}/c`, { data: { x: '2' }, metadata: { labels: { tier: 'db' } } }),
        ],
      },
      'watch/field': {
        after: 1,
        steps: [merge(`${maps}/b`, { data: { n: '1' } }), merge(`${maps}/a`, { data: { n: '1' } })],
      },
      'watch/pods-of-node': {
        after: 0,
        steps: [
          post(`${core('fx-list', 'pods')}/free/binding`, {
            apiVersion: 'v1',
            kind: 'Binding',
            metadata: { name: 'free' },
            target: { kind: 'Node', name: 'n3' },
          }),
        ],
      },
      'watch/bookmarks': { after: 0, steps: [merge(`${maps}/a`, { data: { mark: '1' } })] },
    },
  },
}
