import { isMap, type Json } from '../../src/lab/api/access.ts'
import { kinds } from '../../src/lab/api/kinds.ts'
import type { Exchange, FileName } from './replay.ts'
import { extras } from './replay-extras.ts'
import { merge, post, type Step } from './replay-steps.ts'

/** Where in a file's steps its namespaces are made. */
export const first = -1

/** Namespaces that a recording names because they are not there. */
const absent = new Set(['nowhere', 'missing', 'namespace-1'])

/**
 * What a file relies on and did not record, by the exchange before which it has to be there: its namespaces, and every object that
 * is first seen in an answer to something else than its creation. Versions tell which of them are older than an answer.
 */
export function derivedSeeds(file: FileName, exchanges: readonly Exchange[]): Map<number, Step[]> {
  const steps = new Map<number, Step[]>()
  const add = (at: number, ...more: Step[]): void => void steps.set(at, [...(steps.get(at) ?? []), ...more])
  for (const name of namespacesOf(exchanges)) add(first, post('/api/v1/namespaces', namespace(name)))
  const namespaces = new Set(namespacesOf(exchanges))
  const waiting = unrecorded(file, exchanges).filter(
    ({ object }) => object['kind'] !== 'Namespace' || !namespaces.has(object['metadata'].name),
  )
  for (const [i, exchange] of exchanges.entries()) {
    const newest = Math.max(0, ...versionsIn(exchange))
    for (const found of waiting.filter((one) => one.at === i || (one.version <= newest && one.at > i))) {
      add(i, ...creation(found.object))
      waiting.splice(waiting.indexOf(found), 1)
    }
  }
  return steps
}

const namespace = (name: string): Json => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

function namespacesOf(exchanges: readonly Exchange[]): string[] {
  const named = exchanges.flatMap(({ path }) => /\/namespaces\/([^/?]+)[/]/.exec(path)?.[1] ?? [])
  const made = exchanges.flatMap(({ body, method }) =>
    method === 'POST' && isMap(body) && body['kind'] === 'Namespace' ? String(body['metadata']?.['name']) : [],
  )
  return [...new Set(named)].filter(
    (name) =>
      !absent.has(name) && !made.includes(name) && name !== 'default' && name !== 'kube-system' && !/[%{]/.test(name),
  )
}

interface Found {
  at: number
  version: number
  object: Json
}

const versionNumber = (object: Json): number =>
  Number(/^rv-(\d+)$/.exec(String(object['metadata']?.['resourceVersion']))?.[1] ?? 0)

const versionsIn = ({ response }: Exchange): number[] =>
  [...(JSON.stringify(response) ?? '').matchAll(/"rv-(\d+)"/g)].map((match) => Number(match[1]))

function unrecorded(file: FileName, exchanges: readonly Exchange[]): Found[] {
  const seen = new Set<string>()
  const made = new Set(extras[file]?.made ?? [])
  const found: Found[] = []
  for (const [at, { method, status, response, watch }] of exchanges.entries())
    for (const object of objectsIn(response ?? watch)) {
      const { uid, name } = object['metadata']
      if (seen.has(uid)) continue
      seen.add(uid)
      const bootstrapped =
        name === 'kubernetes' ||
        object['kind'] === 'IPAddress' ||
        object['kind'] === 'APIGroupDiscovery' ||
        object['kind'] === 'PartialObjectMetadata'
      if (method === 'POST' || status === 201 || made.has(name) || bootstrapped) continue
      found.push({ at, version: versionNumber(object), object })
    }
  return found.sort((a, b) => a.version - b.version)
}

/** Objects with a uid; items of a list get the kind and apiVersion that the list says. */
function objectsIn(value: unknown): Json[] {
  if (Array.isArray(value)) return value.flatMap((item) => objectsIn(item))
  if (!isMap(value)) return []
  if (Array.isArray(value['items']) && typeof value['kind'] === 'string')
    return value['items'].filter(isMap).map((item) => ({
      kind: String(value['kind']).replace(/List$/, ''),
      apiVersion: value['apiVersion'],
      ...item,
    }))
  const own = isMap(value['metadata']) && typeof value['metadata']['uid'] === 'string' ? [value] : []
  return [...own, ...Object.values(value).flatMap((field) => objectsIn(field))]
}

const serverMade = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]

/** The requests that make an object which looks like this. */
function creation(seen: Json): Step[] {
  const object = withoutNames(structuredClone(seen)) as Json
  const { status } = object
  delete object['status']
  const metadata = object['metadata'] as Json
  for (const field of serverMade) delete metadata[field]
  const path = pathOf(object)
  const steps: Step[] = [post(path, object)]
  if (isMap(status) && Object.keys(status).length > 0 && seen['kind'] !== 'Namespace')
    steps.push(merge(`${path}/${metadata['name']}/status`, { status }))
  return steps
}

/** Without the fields whose values the recording replaced: the server fills them in. */
function withoutNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNames).filter((item) => item !== undefined)
  if (isMap(value)) {
    const fields = Object.entries(value).map(([key, item]) => [key, withoutNames(item)] as const)
    const kept = fields.filter(([, item]) => item !== undefined && !(Array.isArray(item) && item.length === 0))
    return Object.fromEntries(kept)
  }
  const replaced = typeof value === 'string' && /^(cluster-ip6?-\d+|node-port-\d+|rv-\d+|time)$/.test(value)
  return replaced ? undefined : value
}

const pluralOf = (kind: string): string =>
  kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : kind.endsWith('s') ? `${kind}es` : `${kind}s`

function pathOf({ apiVersion, kind, metadata }: Json): string {
  const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  const plural = kinds.find((one) => one.kind === kind)?.plural ?? pluralOf(String(kind).toLowerCase())
  return metadata.namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${metadata.namespace}/${plural}`
}
