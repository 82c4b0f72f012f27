import type { KubeObject, NewObject } from '../api/types.ts'
import { candidates } from './caches.ts'
import { nameHash, same } from './canonical.ts'
import { planClaims, withController, withoutOwner } from './claim.ts'
import type { ControllerContext } from './controller.ts'
import { isAlreadyExists } from './failure.ts'
import type { ControllerRevision, LabelSelector, PodTemplate } from './kinds.ts'
import { controllerReference } from './objects.ts'

/** A workload whose templates are kept as ControllerRevisions. */
export interface Revised extends KubeObject {
  spec: { selector: LabelSelector; template: PodTemplate; revisionHistoryLimit?: number }
}

/** The template as a revision holds it: a strategic merge patch that puts it back. */
const dataOf = (template: PodTemplate): NonNullable<ControllerRevision['data']> => ({
  spec: { template: { ...structuredClone(template), $patch: 'replace' } as PodTemplate },
})

/** The owner's revisions, oldest first; orphans that match are adopted, its own that do not are released. */
export function claimRevisions({ caches, store }: ControllerContext, owner: Revised): ControllerRevision[] {
  const { selector } = owner.spec
  const found = candidates(caches.controllerrevisions, owner.metadata.namespace ?? '', selector.matchLabels)
  const all = new Set([...found, ...caches.controllerrevisions.indexed('controller', owner.metadata.uid)])
  const { adopt, release } = planClaims(owner, selector, all)
  for (const revision of adopt) writeOwners(store, revision, withController(revision, owner))
  for (const revision of release) writeOwners(store, revision, withoutOwner(revision, owner))
  return caches.controllerrevisions.indexed('controller', owner.metadata.uid).sort((a, b) => a.revision - b.revision)
}

function writeOwners(
  store: ControllerContext['store'],
  revision: ControllerRevision,
  ownerReferences: KubeObject['metadata']['ownerReferences'],
): void {
  const copy = structuredClone(revision)
  copy.metadata.ownerReferences = ownerReferences ?? []
  store.update('controllerrevisions', copy)
}

/**
 * The revision of the owner's template now: one that is there already becomes the newest again, else it is made. `hashLabel` is the label that holds
 * its hash; the hash also ends its name.
 */
export function updateRevision(
  context: ControllerContext,
  owner: Revised,
  revisions: readonly ControllerRevision[],
  hashLabel: string,
): ControllerRevision {
  const data = dataOf(owner.spec.template)
  const newest = revisions.at(-1)
  const equal = revisions.findLast((revision) => same(revision.data, data))
  if (equal === undefined) return createRevision(context, owner, data, (newest?.revision ?? 0) + 1, hashLabel)
  if (equal === newest) return equal
  const revision = (newest?.revision ?? 0) + 1
  return context.store.update('controllerrevisions', { ...structuredClone(equal), revision }) as ControllerRevision
}

function createRevision(
  { store }: ControllerContext,
  owner: Revised,
  data: NonNullable<ControllerRevision['data']>,
  revision: number,
  hashLabel: string,
): ControllerRevision {
  for (let collisions = 0; ; collisions++) {
    const hash = nameHash(JSON.stringify(data) + (collisions === 0 ? '' : collisions))
    const object = newRevision(owner, data, revision, hashLabel, hash)
    try {
      return store.create('controllerrevisions', object) as ControllerRevision
    } catch (error) {
      if (!isAlreadyExists(error) || collisions > 10) throw error
    }
  }
}

function newRevision(
  owner: Revised,
  data: NonNullable<ControllerRevision['data']>,
  revision: number,
  hashLabel: string,
  hash: string,
): NewObject {
  const { name, namespace = 'default', annotations } = owner.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [controllerReference(owner)],
    },
    data,
    revision,
  }
}

/** The template that a revision holds. */
export function templateOf({ data }: ControllerRevision): PodTemplate {
  const { $patch: _patch, ...template } = (data?.spec?.template ?? {}) as PodTemplate & { $patch?: string }
  return template
}

/** Removes the oldest revisions beyond the owner's limit, but for those in use. */
export function removeHistory(
  { store }: ControllerContext,
  owner: Revised,
  revisions: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
): void {
  const unused = revisions.filter(({ metadata }) => !inUse.has(metadata.name))
  const surplus = Math.max(0, unused.length - (owner.spec.revisionHistoryLimit ?? 10))
  for (const { metadata } of unused.slice(0, surplus))
    store.remove('controllerrevisions', metadata.namespace, metadata.name)
}
