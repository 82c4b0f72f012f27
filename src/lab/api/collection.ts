import type { KubeObject } from './types.ts'

interface Bucket {
  objects: Map<string, KubeObject>
  /** Names in order; dropped when a name comes or goes. */
  names: string[] | undefined
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The objects of one resource, by namespace and name, with an index of their labels. Cluster-scoped ones are in namespace ''. */
export class Collection {
  readonly #buckets = new Map<string, Bucket>()
  /** Objects by `key\0value` of each of their labels. */
  readonly #labels = new Map<string, Map<string, KubeObject>>()

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#buckets.get(namespace)?.objects.get(name)
  }

  countIn(namespace: string): number {
    return this.#buckets.get(namespace)?.objects.size ?? 0
  }

  /** Adds or replaces. */
  set(object: KubeObject): void {
    const { namespace = '', name } = object.metadata
    const bucket = this.#bucket(namespace)
    const old = bucket.objects.get(name)
    if (old === undefined) bucket.names = undefined
    else this.#unlabel(old)
    bucket.objects.set(name, object)
    this.#label(object)
  }

  delete(object: KubeObject): void {
    const { namespace = '', name } = object.metadata
    const bucket = this.#buckets.get(namespace)
    const old = bucket?.objects.get(name)
    if (bucket === undefined || old === undefined) return
    bucket.objects.delete(name)
    bucket.names = undefined
    this.#unlabel(old)
    if (bucket.objects.size === 0) this.#buckets.delete(namespace)
  }

  /** In the order of namespace and name. */
  list(namespace?: string): KubeObject[] {
    if (namespace !== undefined) return this.#ordered(this.#buckets.get(namespace))
    return [...this.#buckets.keys()].sort(byBytes).flatMap((key) => this.#ordered(this.#buckets.get(key)))
  }

  /** The objects that have this label, in the order of namespace and name. */
  labelled(key: string, value: string, namespace?: string): KubeObject[] {
    const found = [...(this.#labels.get(`${key}\0${value}`)?.values() ?? [])]
    const wanted = namespace === undefined ? found : found.filter((o) => o.metadata.namespace === namespace)
    return wanted.sort(
      (a, b) =>
        byBytes(a.metadata.namespace ?? '', b.metadata.namespace ?? '') || byBytes(a.metadata.name, b.metadata.name),
    )
  }

  #bucket(namespace: string): Bucket {
    let bucket = this.#buckets.get(namespace)
    if (bucket === undefined) {
      bucket = { objects: new Map(), names: undefined }
      this.#buckets.set(namespace, bucket)
    }
    return bucket
  }

  #ordered(bucket: Bucket | undefined): KubeObject[] {
    if (bucket === undefined) return []
    bucket.names ??= [...bucket.objects.keys()].sort(byBytes)
    return bucket.names.flatMap((name) => bucket.objects.get(name) ?? [])
  }

  #label(object: KubeObject): void {
    for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
      const entry = `${key}\0${value}`
      const objects = this.#labels.get(entry) ?? new Map<string, KubeObject>()
      objects.set(object.metadata.uid, object)
      this.#labels.set(entry, objects)
    }
  }

  #unlabel(object: KubeObject): void {
    for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
      const entry = `${key}\0${value}`
      const objects = this.#labels.get(entry)
      objects?.delete(object.metadata.uid)
      if (objects?.size === 0) this.#labels.delete(entry)
    }
  }
}
