import type { Kind } from './kind.ts'
import { apiVersionOf, kinds as builtIn, isStored } from './kinds.ts'

/** A version that is only what objects are stored as is nobody's to see. */
const isShown = (kind: Kind): boolean => kind.custom?.served !== false

/** What one server serves: the kinds of the table and, as they come and go, those of custom resources. */
export class KindRegistry {
  readonly #served = new Map<string, Kind>()
  readonly #stored = new Map<string, Kind>()
  readonly #groups = new Map<string, number>()
  #all: readonly Kind[] = builtIn
  readonly #customs = new Map<string, readonly Kind[]>()
  #revision = 0

  constructor() {
    for (const kind of builtIn) this.#add(kind)
  }

  /** Kinds as served, those of the table first. */
  all(): readonly Kind[] {
    return this.#all
  }

  /** Counts changes: what is made of the kinds (OpenAPI) is good as long as it stays the same. */
  get revision(): number {
    return this.#revision
  }

  served(group: string, version: string, plural: string): Kind | undefined {
    return this.#served.get(`${group}/${version}/${plural}`)
  }

  /** Kinds that are stored, each once whatever the number of its versions. */
  stored(): Iterable<Kind> {
    return this.#stored.values()
  }

  storedKind(resource: string): Kind | undefined {
    return this.#stored.get(resource)
  }

  /** A group that has custom resources alone. */
  isCustomGroup(group: string): boolean {
    return this.hasGroup(group) && !builtIn.some((kind) => kind.group === group)
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group)
  }

  /** Whether objects of this kind are served here. `apiVersion`: `v1` or `apps/v1`. */
  isServed(apiVersion: string, kind: string): boolean {
    return this.#all.some((one) => one.kind === kind && apiVersionOf(one) === apiVersion)
  }

  /** Puts these kinds in the place of all that a custom resource had; none: it is no longer served. */
  replace(resource: string, kinds: readonly Kind[]): void {
    for (const kind of this.#customs.get(resource) ?? []) this.#remove(kind)
    this.#customs.set(resource, kinds)
    if (kinds.length === 0) this.#customs.delete(resource)
    this.#all = [...builtIn, ...[...this.#customs.values()].flat().filter(isShown)]
    for (const kind of kinds) this.#add(kind)
    this.#revision++
  }

  #add(kind: Kind): void {
    if (isStored(kind)) this.#stored.set(kind.resource, kind)
    if (!isShown(kind)) return
    this.#served.set(`${kind.group}/${kind.version}/${kind.plural}`, kind)
    this.#groups.set(kind.group, (this.#groups.get(kind.group) ?? 0) + 1)
  }

  #remove(kind: Kind): void {
    if (isStored(kind)) this.#stored.delete(kind.resource)
    if (!isShown(kind)) return
    this.#served.delete(`${kind.group}/${kind.version}/${kind.plural}`)
    const left = (this.#groups.get(kind.group) ?? 1) - 1
    if (left === 0) this.#groups.delete(kind.group)
    else this.#groups.set(kind.group, left)
  }
}
