import { type ApiClient, isNotFound } from '../../src/kube/client.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { KubeObject } from '../../src/kube/types.ts'

/** A ConfigMap, as the tests use them. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>
}

/** Label of what a test makes; a real cluster puts things of its own into each namespace. */
export const testLabel = 'weft-test'

/** A namespace of a test, with a few words for the ConfigMaps in it. */
export class TestNamespace {
  readonly name: string
  readonly #client: ApiClient

  constructor(client: ApiClient, name: string) {
    this.#client = client
    this.name = name
  }

  static async make(client: ApiClient, suffix: string): Promise<TestNamespace> {
    const name = `weft-t${process.pid}-${suffix}`
    await client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    return new TestNamespace(client, name)
  }

  /** Path of its ConfigMaps, or of one. */
  path(name?: string): string {
    return resourcePath({ version: 'v1', resource: 'configmaps', namespace: this.name, ...(name && { name }) })
  }

  put(name: string, value: string, group = 'one'): Promise<ConfigMap> {
    const metadata = { name, labels: { [testLabel]: group } }
    return this.#client.create(this.path(), { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } })
  }

  change(name: string, value: string): Promise<ConfigMap> {
    return this.#client.patch(this.path(name), { data: { value } })
  }

  async drop(name: string): Promise<void> {
    await this.#client.remove(this.path(name))
  }

  /** What there is now: name → value. */
  async contents(group = 'one'): Promise<Record<string, string>> {
    const list = await this.#client.list<ConfigMap>(this.path(), { labelSelector: `${testLabel}=${group}` })
    return Object.fromEntries(list.items.map(({ metadata, data }) => [metadata.name, data?.['value'] ?? '']))
  }

  async remove(): Promise<void> {
    try {
      await this.#client.remove(resourcePath({ version: 'v1', resource: 'namespaces', name: this.name }))
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
