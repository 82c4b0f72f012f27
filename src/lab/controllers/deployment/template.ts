import { canonical, nameHash } from '../canonical.ts'
import type { PodTemplate } from '../kinds.ts'
import { templateHashLabel } from './names.ts'

/** A template without the label that the controller itself adds. */
function withoutHash(template: PodTemplate): unknown {
  const { [templateHashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...cleaned(template.metadata), labels } }
}

/** API servers write `creationTimestamp: null` into templates; it says nothing. */
function cleaned(metadata: PodTemplate['metadata']): object {
  const { creationTimestamp: _never, ...rest } = (metadata ?? {}) as { creationTimestamp?: unknown }
  return rest
}

export const sameTemplate = (a: PodTemplate, b: PodTemplate): boolean =>
  canonical(withoutHash(a)) === canonical(withoutHash(b))

/** Equal templates have equal hashes; a collision count leads out of a hash that is taken by another template. */
export const templateHash = (template: PodTemplate, collisionCount: number): string =>
  nameHash(canonical(withoutHash(template)) + (collisionCount > 0 ? `#${collisionCount}` : ''))
