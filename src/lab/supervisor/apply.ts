import { type ApiClient, ApiError, isAlreadyExists } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { WeftError } from '../../model/error.ts'
import type { ManifestDocument } from '../manifests.ts'

interface ApiResource {
  name: string
  kind: string
  namespaced: boolean
}

/** The resource of a kind; undefined if there is none. */
type Discovery = (apiVersion: string, kind: string) => Promise<ApiResource | undefined>

/**
 * Makes the objects in order, as kubectl would: as `kubectl apply` where there is none yet, so that a later `kubectl apply` of the same file knows what it may
 * change and remove; as `kubectl apply --server-side` where there is one, and where the object is too large for the annotation that the former needs.
 *
 * @throws WeftError MANIFEST_REFUSED with file, document, object and the API's words, at the first document it refuses
 */
export async function applyManifests(client: ApiClient, documents: ManifestDocument[]): Promise<void> {
  const discover = discovery(client)
  for (const document of documents) {
    try {
      await applyObject(client, document.object, discover)
    } catch (error) {
      throw error instanceof ApiError || error instanceof UnknownKind ? refused(document, error) : error
    }
  }
}

async function applyObject(client: ApiClient, object: ManifestDocument['object'], discover: Discovery): Promise<void> {
  const { apiVersion, kind, metadata } = object
  const { name } = metadata
  const resource = await discover(apiVersion, kind)
  if (resource === undefined) throw new UnknownKind(kind, apiVersion)
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  const namespace = resource.namespaced ? { namespace: metadata.namespace ?? 'default' } : {}
  const collection = { group, version, resource: resource.name, ...namespace }
  const applied = { ...object, metadata: { ...metadata, ...namespace } }
  const noted = withLastApplied(applied)
  if (name === undefined) return client.create(resourcePath(collection), object, { query: strict })
  const apply = () => client.patch<void>(resourcePath({ ...collection, name }), applied, 'apply', serverSide)
  if (annotationBytes(noted) > maxAnnotationBytes) return apply()
  try {
    await client.create(resourcePath(collection), noted, { query: clientSide })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    await apply()
  }
}

/** As `kubectl apply` asks: a field that no such object has is a mistake, not to be dropped in silence. */
const strict = { fieldValidation: 'Strict' }
const clientSide = { ...strict, fieldManager: 'kubectl-client-side-apply' }
const serverSide = { ...strict, fieldManager: 'kubectl', force: 'true' }

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** As `kubectl apply` notes it down, so that a later apply of the same file knows what it may remove, and finds nothing changed. */
function withLastApplied(object: ManifestDocument['object']): ManifestDocument['object'] {
  const { metadata } = object
  const noted = { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations } } }
  const annotations = { ...metadata.annotations, [lastApplied]: `${goJson(noted)}\n` }
  return { ...object, metadata: { ...metadata, annotations } }
}

/** JSON as Go's encoder writes a map: keys in order, and no character that means something in HTML. */
const goJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** What all annotations of an object may have together (apimachinery, TotalAnnotationSizeLimitB). */
const maxAnnotationBytes = 256 * 1024

const annotationBytes = ({ metadata }: ManifestDocument['object']): number =>
  Object.entries(metadata.annotations ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )

class UnknownKind extends Error {
  constructor(kind: string, apiVersion: string) {
    super(`no matches for kind "${kind}" in version "${apiVersion}"`)
  }
}

/**
 * Resources by group and version (Kubernetes API concepts, "API discovery"), asked once each, and again for a kind that was not there: a definition of custom
 * resources may just have been applied.
 */
function discovery(client: ApiClient): Discovery {
  const known = new Map<string, ApiResource[]>()
  const ask = async (apiVersion: string): Promise<ApiResource[]> => {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    try {
      const { resources } = await client.get<{ resources: ApiResource[] }>(path)
      return resources.filter((resource) => !resource.name.includes('/'))
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return []
      throw error
    }
  }
  return async (apiVersion, kind) => {
    const isIt = (resource: ApiResource): boolean => resource.kind === kind
    const found = known.get(apiVersion)?.find(isIt)
    if (found !== undefined) return found
    const resources = await ask(apiVersion)
    known.set(apiVersion, resources)
    return resources.find(isIt)
  }
}

function refused({ file, line, object }: ManifestDocument, cause: Error): WeftError {
  const { kind, metadata } = object
  const name = [metadata.namespace, metadata.name ?? metadata.generateName].filter(Boolean).join('/')
  return new WeftError(`${file}:${line}: the API refuses ${kind} ${name}: ${cause.message}`, {
    code: 'MANIFEST_REFUSED',
    fault: 'user',
    remedy: 'correct what begins at this line and start the lab again; nothing of it was kept',
    exitCode: 1,
  })
}
