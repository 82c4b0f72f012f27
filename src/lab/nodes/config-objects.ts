import type { ApiClient } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { Reflector } from '../../kube/reflector.ts'
import { ObjectStore } from '../../kube/store.ts'
import { objectKey } from '../../kube/types.ts'
import type { Log } from '../log.ts'
import { allContainers, type ConfigObject, type Pod } from './pod.ts'

type Resource = 'configmaps' | 'secrets'

interface Watched {
  store: ObjectStore<ConfigObject>
  /** Resolves when the first list is there. */
  listed: Promise<void>
}

export interface ConfigObjectsOptions {
  client: ApiClient
  /** Ends all watches. */
  signal: AbortSignal
  log: Log
  /** ConfigMaps or Secrets of this namespace have changed. */
  onChange: (namespace: string) => void
}

/** ConfigMaps and Secrets of the namespaces of this node's pods, each watched from the first pod on that needs one. */
export class ConfigObjects {
  readonly #options: ConfigObjectsOptions
  readonly #watched = new Map<string, Watched>()

  constructor(options: ConfigObjectsOptions) {
    this.#options = options
  }

  /** Resolves when all that the pod may refer to is known. */
  async ready(pod: Pod): Promise<void> {
    const { namespace } = pod.metadata
    const resources: Resource[] = ['configmaps', ...(refersToSecrets(pod) ? (['secrets'] as const) : [])]
    await Promise.all(resources.map((resource) => this.#watch(resource, namespace).listed))
  }

  configMap(namespace: string, name: string): ConfigObject | undefined {
    return this.#watched.get(`configmaps/${namespace}`)?.store.get(`${namespace}/${name}`)
  }

  secret(namespace: string, name: string): ConfigObject | undefined {
    return this.#watched.get(`secrets/${namespace}`)?.store.get(`${namespace}/${name}`)
  }

  #watch(resource: Resource, namespace: string): Watched {
    const key = `${resource}/${namespace}`
    const known = this.#watched.get(key)
    if (known !== undefined) return known
    const watched = this.#start(resource, namespace)
    this.#watched.set(key, watched)
    return watched
  }

  #start(resource: Resource, namespace: string): Watched {
    const { client, signal, log, onChange } = this.#options
    const store = new ObjectStore<ConfigObject>()
    const listed = new Promise<void>((resolve) => {
      store.onChange(() => {
        resolve()
        onChange(namespace)
      })
    })
    const reflector = new Reflector<ConfigObject>({
      client,
      path: resourcePath({ version: 'v1', resource, namespace }),
      decode: (raw) => ({ key: objectKey(raw.metadata), value: trimmed(raw as ConfigObject) }),
      store,
      onError: (error) => log('watch failed', { resource, namespace, error: error.message }),
    })
    void reflector.run(signal)
    return { store, listed }
  }
}

const trimmed = ({ metadata: { name, namespace }, data, binaryData }: ConfigObject): ConfigObject => ({
  metadata: { name, namespace },
  ...(data && { data }),
  ...(binaryData && { binaryData }),
})

function refersToSecrets(pod: Pod): boolean {
  const volumes = (pod.spec.volumes ?? []).some(
    ({ secret, projected }) => secret ?? projected?.sources?.some((source) => source.secret),
  )
  return (
    volumes ||
    allContainers(pod).some((container) => {
      const { env = [], envFrom = [] } = container
      return envFrom.some(({ secretRef }) => secretRef) || env.some(({ valueFrom }) => valueFrom?.secretKeyRef)
    })
  )
}
