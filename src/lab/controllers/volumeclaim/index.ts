import type { Controller, ControllerContext } from '../controller.ts'
import { isTerminating, keyOf } from '../objects.ts'

/**
 * Binds every claim at once, as a provisioner with immediate binding does, but without a PersistentVolume behind it: no container of a lab keeps
 * anything.
 */
export function volumeClaimController({ caches, store }: ControllerContext): Controller {
  return {
    name: 'persistent-volume-claim-binder',
    watch(add) {
      caches.persistentvolumeclaims.onChange(({ now }) => {
        if (now !== undefined && now['status']?.phase !== 'Bound') add(keyOf(now))
      })
    },
    sync(key) {
      const claim = caches.persistentvolumeclaims.get(key)
      if (claim === undefined || isTerminating(claim) || claim['status']?.phase === 'Bound') return undefined
      const spec = {
        ...structuredClone(claim['spec']),
        volumeName: claim['spec'].volumeName ?? `pvc-${claim.metadata.uid}`,
      }
      const bound = store.update('persistentvolumeclaims', { ...structuredClone(claim), spec })
      const status = { phase: 'Bound', accessModes: spec.accessModes ?? [], capacity: { ...spec.resources?.requests } }
      store.updateStatus('persistentvolumeclaims', { ...structuredClone(bound), status })
      return undefined
    },
  }
}
