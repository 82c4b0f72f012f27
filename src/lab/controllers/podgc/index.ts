import type { Controller, ControllerContext } from '../controller.ts'
import { isNotFound } from '../failure.ts'
import type { Node } from '../kinds.ts'

/**
 * How long a node has to be away before its pods are removed: a Node that is deleted and registers anew keeps them (kube-controller-manager's
 * pod garbage collector waits as long).
 */
export const nodeQuarantineMs = 40_000

/** Removes pods that are bound to a node that does not exist: no kubelet will ever end them. Keys are node names. */
export function podGarbageController(context: ControllerContext): Controller {
  const { caches, clock, settings } = context
  const awaySinceMs = new Map<string, number>()
  return {
    name: 'pod-garbage-collector',
    watch(add) {
      caches.pods.onChange(({ now }) => {
        if (now?.spec.nodeName && !caches.nodes.get(now.spec.nodeName)) add(now.spec.nodeName)
      })
      caches.nodes.onChange(({ now, before }) => {
        if (now === undefined || before === undefined) add(((now ?? before) as Node).metadata.name)
      })
    },
    sync(nodeName) {
      if (caches.nodes.get(nodeName) !== undefined || caches.pods.count('node', nodeName) === 0) {
        awaySinceMs.delete(nodeName)
        return undefined
      }
      const sinceMs = awaySinceMs.get(nodeName) ?? clock.now()
      awaySinceMs.set(nodeName, sinceMs)
      const leftMs = sinceMs + settings.nodeQuarantineMs - clock.now()
      if (leftMs > 0) return leftMs
      removePods(context, nodeName)
      return undefined
    },
  }
}

function removePods({ store, caches }: ControllerContext, nodeName: string): void {
  for (const { metadata } of caches.pods.indexed('node', nodeName)) {
    try {
      store.remove('pods', metadata.namespace, metadata.name, {
        gracePeriodSeconds: 0,
        preconditions: { uid: metadata.uid },
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
