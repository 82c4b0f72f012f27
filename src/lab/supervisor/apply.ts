import { type ApiClient, ApiError, isAlreadyExists } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { WeftError } from '../../model/error.ts'
import type { ManifestDocument } from '../manifests.ts'

interface ApiResource {
  name: string
  kind: string
  namespaced: boolean
}

type Discovery = (apiVersion: string) => Promise<ApiResource[]>

/**
 * Creates the objects in order; one that exists is changed to what the manifest says (merge patch).
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
  const resource = (await discover(apiVersion)).find((candidate) => candidate.kind === kind)
  if (resource === undefined) throw new UnknownKind(kind, apiVersion)
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  const namespace = resource.namespaced ? { namespace: metadata.namespace ?? 'default' } : {}
  const collection = { group, version, resource: resource.name, ...namespace }
  try {
    await client.create(resourcePath(collection), withLastApplied(object), { query: strict })
  } catch (error) {
    if (!isAlreadyExists(error) || metadata.name === undefined) throw error
    await client.patch(resourcePath({ ...collection, name: metadata.name }), object, 'merge', strict)
  }
}

/** As `kubectl apply` asks: a field that no such object has is a mistake, not to be dropped in silence. */
const strict = { fieldValidation: 'Strict' }

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** As `kubectl apply` notes it down, so that a later apply of the same file knows what it may remove. */
function withLastApplied(object: ManifestDocument['object']): ManifestDocument['object'] {
  const { metadata } = object
  const annotations = { ...metadata.annotations, [lastApplied]: `${JSON.stringify(object)}\n` }
  return { ...object, metadata: { ...metadata, annotations } }
}

class UnknownKind extends Error {
  constructor(kind: string, apiVersion: string) {
    super(`no matches for kind "${kind}" in version "${apiVersion}"`)
  }
}

/** Resources by group and version, asked once each (Kubernetes API concepts, "API discovery"). */
function discovery(client: ApiClient): Discovery {
  const known = new Map<string, Promise<ApiResource[]>>()
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
  return (apiVersion) => {
    const answer = known.get(apiVersion) ?? ask(apiVersion)
    known.set(apiVersion, answer)
    return answer
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
