import { apiTime } from '../../../kube/times.ts'
import { isMap, type Json, mapOf, textOf } from '../access.ts'
import { mediaTypeOf, parseYaml, readBody } from '../body.ts'
import { withReplicas } from '../crd/scale.ts'
import { served } from '../encoding.ts'
import { invalidValue } from '../field-errors.ts'
import { checkApplied } from '../field-validation.ts'
import type { Kind } from '../kind.ts'
import { checkPatchOptions, isDryRun } from '../options.ts'
import { isTrue, type ResourceRequest } from '../request.ts'
import { badRequest, invalid, notFound } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { type ApplyRequest, applied, checkConfig } from './apply.ts'
import { managerOf } from './managed-fields.ts'

const applyType = 'application/apply-patch+yaml'

export const isApply = ({ message }: Pick<ResourceRequest, 'message'>): boolean => mediaTypeOf(message) === applyType

/** Answers a server-side apply: the object as it is then, 201 if it is new. @throws StatusError */
export async function applyTo(
  request: ResourceRequest,
  store: MemoryStore,
): Promise<{ code: number; object: KubeObject }> {
  const { kind, namespace, name = '', subresource, query } = request
  checkPatchOptions(query, true)
  const dryRun = isDryRun(query, 'PatchOptions')
  const sent = await configOf(request)
  const live = store.get(kind.resource, namespace, name)
  if (live === undefined && subresource !== undefined) throw notFound(kind, name)
  const apply = requestOf(request, subresource === 'scale' ? fromScale(request, sent) : sent)
  checkConfig(apply, live, name)
  place(apply.config, namespace, name)
  checkUid(kind, apply.config, live)
  const wanted = inStored(apply, store)
  const object = wantedOf(request, wanted, live)
  checkApplied(object, wanted.kind)
  const { managedFields, ...metadata } = object.metadata
  const write = { dryRun, fromClient: true, managedFields: managedFields ?? [] }
  const stored = { ...object, metadata }
  if (live === undefined) return { code: 201, object: store.create(kind.resource, stored, write) }
  const change = subresource === 'status' ? 'updateStatus' : 'update'
  return { code: 200, object: store[change](kind.resource, stored, write) }
}

const requestOf = ({ kind, subresource, query, message }: ResourceRequest, config: Json): ApplyRequest => ({
  kind,
  config,
  subresource,
  manager: managerOf(query, message.headers),
  force: isTrue(query.get('force')),
  time: apiTime(Date.now()),
})

/** @throws StatusError 422 if the object is another one than was meant */
function checkUid(kind: Kind, config: Json, live: KubeObject | undefined): void {
  const { uid } = mapOf(config['metadata'])
  if (live !== undefined && uid !== undefined && uid !== live.metadata.uid)
    throw invalid(kind, live.metadata.name, [invalidValue('metadata.uid', uid, 'field is immutable')])
}

/**
 * The same apply of the kind that is stored, where a built-in kind shows another one's objects (events.k8s.io those of core/v1): fields are
 * owned by the names under which they are kept.
 */
function inStored(apply: ApplyRequest, store: MemoryStore): ApplyRequest {
  const { kind, config } = apply
  const stored =
    kind.custom === undefined && kind.view !== undefined ? store.kinds.storedKind(kind.resource) : undefined
  return stored === undefined ? apply : { ...apply, kind: stored, config: kind.view?.toStored(config) ?? config }
}

/** What is to be stored: of the version that the client has seen, or else of the one that is there. */
function wantedOf(
  { namespace, name = '' }: ResourceRequest,
  apply: ApplyRequest,
  live: KubeObject | undefined,
): KubeObject {
  const { kind, config } = apply
  const object = applied(apply, live === undefined ? undefined : served(kind, live))
  const version: unknown = mapOf(config['metadata'])['resourceVersion'] ?? live?.metadata.resourceVersion
  const metadata = {
    ...mapOf(object['metadata']),
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(version ? { resourceVersion: version } : {}),
  }
  const wanted = { ...object, metadata }
  return (kind.view?.toStored(wanted) ?? wanted) as KubeObject
}

/** The body: YAML, of which JSON is a part. @throws StatusError 400 */
async function configOf({ message }: ResourceRequest): Promise<Json> {
  const words = (why: string): string => `error decoding YAML: error converting YAML to JSON: ${why}`
  const config = await parseYaml(await readBody(message), words)
  if (!isMap(config))
    throw badRequest('error decoding YAML: json: cannot unmarshal into Go value of type map[string]interface {}')
  return config
}

/** The object's name and namespace are the path's; what is no text is told of later. @throws StatusError 400 if it names others */
function place(config: Json, namespace: string | undefined, name: string): void {
  const metadata = mapOf(config['metadata'])
  config['metadata'] = metadata
  const [given, space] = [textOf(metadata['name']), textOf(metadata['namespace'])]
  if (given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  if (namespace !== undefined && space !== '' && space !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
}

/** What a Scale asks of the object that is scaled. */
function fromScale({ kind }: ResourceRequest, scale: Json): Json {
  const { replicas } = mapOf(scale['spec'])
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  const metadata = mapOf(scale['metadata'])
  const named = { apiVersion, kind: kind.kind, metadata }
  if (replicas === undefined) return named
  const paths = kind.custom?.scale
  return paths === undefined ? { ...named, spec: { replicas } } : withReplicas(named as KubeObject, paths, replicas)
}
