import type { Kind } from './kind.ts'
import { appsKinds } from './kinds/apps.ts'
import { autoscalingKinds, batchKinds } from './kinds/batch.ts'
import {
  admissionKinds,
  nodeKinds,
  policyKinds,
  rbacKinds,
  registrationKinds,
  schedulingKinds,
} from './kinds/cluster.ts'
import { coordinationKinds } from './kinds/coordination.ts'
import { coreKinds } from './kinds/core.ts'
import { definitionKinds } from './kinds/definitions.ts'
import { discoveryKinds } from './kinds/discovery.ts'
import { eventsKinds } from './kinds/events.ts'
import { networkingKinds } from './kinds/networking.ts'
import { reviewKinds } from './kinds/reviews.ts'
import { storageKinds } from './kinds/storage.ts'

/** The one table of what is served from the start. The order of the groups is that of discovery. */
export const kinds: readonly Kind[] = [
  ...coreKinds,
  ...registrationKinds,
  ...appsKinds,
  ...eventsKinds,
  ...reviewKinds,
  ...autoscalingKinds,
  ...batchKinds,
  ...networkingKinds,
  ...policyKinds,
  ...rbacKinds,
  ...storageKinds,
  ...admissionKinds,
  ...definitionKinds,
  ...schedulingKinds,
  ...coordinationKinds,
  ...nodeKinds,
  ...discoveryKinds,
]

/** Whether objects of a kind are kept: not those of a view, nor questions. */
export const isStored = ({ view, review, verbs }: Kind): boolean =>
  view === undefined && review === undefined && (verbs === undefined || verbs.includes('list'))

/** Kinds that are stored, by resource. */
export const storedKinds: ReadonlyMap<string, Kind> = new Map(kinds.filter(isStored).map((k) => [k.plural, k]))

/** `v1` or `apps/v1`. */
export const apiVersionOf = (kind: Pick<Kind, 'group' | 'version'>): string =>
  kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
