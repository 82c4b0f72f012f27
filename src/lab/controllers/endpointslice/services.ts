import { candidates, servicesFor } from '../caches.ts'
import type { ControllerContext } from '../controller.ts'
import type { Pod, Service } from '../kinds.ts'
import { keyOf } from '../objects.ts'
import { matchesLabels } from '../selector.ts'

/** Endpoints of other Services are made by hand; what one had before it lost its selector stays, as with the real controller. */
export const selectsPods = ({ spec }: Service): boolean =>
  spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0

/** Tells of the Services that change, and of those whose pods do. */
export function watchServices(context: ControllerContext, add: (key: string) => void): void {
  const { caches } = context
  caches.services.onKey(add)
  caches.pods.onChange(({ now, before }) => {
    for (const pod of [now, before]) if (pod !== undefined) addServices(context, pod, add)
  })
}

/** The Services that select a pod. */
export function addServices({ caches }: ControllerContext, pod: Pod, add: (key: string) => void): void {
  for (const service of servicesFor(caches, pod)) {
    if (matchesLabels(service.spec.selector ?? {}, pod.metadata.labels)) add(keyOf(service))
  }
}

/** The Service's pods, by name: newcomers join slices in this order. */
export function selectedPods({ caches }: ControllerContext, service: Service): Pod[] {
  const selector = service.spec.selector ?? {}
  return candidates(caches.pods, service.metadata.namespace ?? '', selector)
    .filter((pod) => matchesLabels(selector, pod.metadata.labels))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}
