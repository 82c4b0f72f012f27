import { ObjectStore } from '../kube/store.ts'
import type { Node as ApiNode } from '../kube/types.ts'

/** What the cluster autoscaler puts on a Node that it is about to remove (KEP-3836). */
const goingTaint = 'ToBeDeletedByClusterAutoscaler'

/** Whether load balancers may send new connections to this node: false when its Node was deleted, is being, or is about to be. */
export interface NodeEligibility {
  store: ObjectStore<boolean>
  decode: (raw: ApiNode) => { key: string; value: boolean } | undefined
  /** True as long as there was no Node: it registers later than the agent starts. */
  isEligible: () => boolean
}

/** @param nodeName of this agent's own Node; all others are passed over */
export function nodeEligibility(nodeName: string): NodeEligibility {
  const store = new ObjectStore<boolean>()
  let seen = false
  return {
    store,
    decode: ({ metadata, spec }) => {
      if (metadata.name !== nodeName) return undefined
      seen = true
      const going = metadata.deletionTimestamp !== undefined || spec?.taints?.some(({ key }) => key === goingTaint)
      return { key: metadata.name, value: going !== true }
    },
    isEligible: () => store.get(nodeName) ?? !seen,
  }
}
