import type { Facts } from './claim-source.ts'
import { type LabFacts, originsOf } from './origins.ts'
import type { ClusterObjects } from './types.ts'

/** What a run finds out or decides besides the objects; nothing of it where it is left out. */
export type Given = Partial<Pick<Facts, 'listeners' | 'refusals' | 'routed' | 'seed'>>

/** All facts that claims are made from. Pure. */
export function factsOf(objects: ClusterObjects, lab: LabFacts, given: Given = {}): Facts {
  return {
    objects,
    origins: originsOf(objects, lab),
    families: lab.families,
    gateways: lab.router.addresses,
    api: { address: lab.apiAddress, port: lab.apiPort },
    gateway: lab.nodes[0]?.name,
    listeners: [],
    refusals: [],
    routed: [],
    seed: 0,
    ...given,
  }
}
