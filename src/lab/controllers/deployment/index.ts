import { candidates } from '../caches.ts'
import { same } from '../canonical.ts'
import { planClaims, withController, withoutOwner } from '../claim.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isAlreadyExists, isNamespaceTerminating } from '../failure.ts'
import type { Deployment, Pod, ReplicaSet } from '../kinds.ts'
import { controllerOf, joinKey, keyOf } from '../objects.ts'
import { isPodFinished } from '../pods.ts'
import { isEmptySelector, matchesSelector } from '../selector.ts'
import { revisionAnnotation } from './names.ts'
import { type DeploymentPlan, planDeployment } from './plan.ts'

const source = 'deployment-controller'

/** Rolls Deployments out, by their ReplicaSets. */
export function deploymentController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch(add) {
      caches.deployments.onKey(add)
      caches.replicasets.onChange(({ now, before }) => {
        for (const replicaSet of [now, before]) {
          if (replicaSet !== undefined) for (const key of ownersOf(context, replicaSet)) add(key)
        }
      })
      // Recreate goes on when the last old pod is gone; the ReplicaSet's status may have been 0 long before.
      caches.pods.onChange(({ now, before }) => {
        if (now === undefined && before !== undefined) for (const key of deploymentOf(context, before)) add(key)
      })
    },
    sync(key) {
      const deployment = caches.deployments.get(key)
      return deployment === undefined ? undefined : syncDeployment(context, deployment)
    },
  }
}

function* ownersOf({ caches }: ControllerContext, replicaSet: ReplicaSet): Iterable<string> {
  const controller = controllerOf(replicaSet)
  if (controller?.kind === 'Deployment') yield joinKey(replicaSet.metadata.namespace, controller.name)
  if (controller !== undefined) return
  for (const deployment of caches.deployments.indexed('namespace', replicaSet.metadata.namespace ?? '')) {
    if (matchesSelector(deployment.spec.selector, replicaSet.metadata.labels)) yield keyOf(deployment)
  }
}

function* deploymentOf(context: ControllerContext, pod: Pod): Iterable<string> {
  const controller = controllerOf(pod)
  if (controller?.kind !== 'ReplicaSet') return
  const replicaSet = context.caches.replicasets.get(joinKey(pod.metadata.namespace, controller.name))
  if (replicaSet !== undefined) yield* ownersOf(context, replicaSet)
}

function syncDeployment(context: ControllerContext, deployment: Deployment): number | undefined {
  if (isEmptySelector(deployment.spec.selector)) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.'
    context.record(source, deployment, { type: 'Warning', reason: 'SelectingAll', message })
    return undefined
  }
  claimReplicaSets(context, deployment)
  const { caches, clock } = context
  const replicaSets = caches.replicasets.indexed('controller', deployment.metadata.uid)
  const hasOldPods = (current: ReplicaSet | undefined): boolean =>
    replicaSets.some(({ metadata }) => metadata.uid !== current?.metadata.uid && hasPods(context, metadata.uid))
  const plan = planDeployment({ deployment, replicaSets, hasOldPods, nowMs: clock.now() })
  applyPlan(context, deployment, plan)
  return plan.wakeInMs === undefined ? undefined : Math.max(0, plan.wakeInMs)
}

function hasPods({ caches }: ControllerContext, owner: string): boolean {
  for (const pod of caches.pods.indexed('controller', owner)) if (!isPodFinished(pod)) return true
  return false
}

function claimReplicaSets({ caches, store }: ControllerContext, deployment: Deployment): void {
  const { selector } = deployment.spec
  const found = candidates(caches.replicasets, deployment.metadata.namespace ?? '', selector.matchLabels)
  const all = new Set([...found, ...caches.replicasets.indexed('controller', deployment.metadata.uid)])
  const { adopt, release } = planClaims(deployment, selector, all)
  const changes = [
    ...adopt.map((replicaSet) => ({ replicaSet, ownerReferences: withController(replicaSet, deployment) })),
    ...release.map((replicaSet) => ({ replicaSet, ownerReferences: withoutOwner(replicaSet, deployment) })),
  ]
  for (const { replicaSet, ownerReferences } of changes) {
    const copy = structuredClone(replicaSet)
    store.update('replicasets', { ...copy, metadata: { ...copy.metadata, ownerReferences } })
  }
}

function applyPlan(context: ControllerContext, deployment: Deployment, plan: DeploymentPlan): void {
  const { store, record } = context
  if (plan.create !== undefined && !createReplicaSet(context, deployment, plan.create)) return
  for (const replicaSet of plan.update) store.update('replicasets', structuredClone(replicaSet))
  for (const { metadata } of plan.remove)
    store.remove('replicasets', metadata.namespace, metadata.name, { propagationPolicy: 'Background' })
  for (const occurrence of plan.occurrences) record(source, deployment, occurrence)
  if (plan.revision !== undefined) writeRevision(context, deployment, plan.revision)
  writeStatus(context, deployment, plan.status)
}

/** Returns false if the name is taken by a ReplicaSet with another template: the next look tries another hash. */
function createReplicaSet(
  context: ControllerContext,
  deployment: Deployment,
  replicaSet: NonNullable<DeploymentPlan['create']>,
): boolean {
  try {
    context.store.create('replicasets', replicaSet)
    return true
  } catch (error) {
    if (isNamespaceTerminating(error)) return false
    if (!isAlreadyExists(error)) throw error
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    writeStatus(context, deployment, { ...deployment.status, collisionCount })
    return false
  }
}

function writeRevision({ store }: ControllerContext, deployment: Deployment, revision: string): void {
  const copy = structuredClone(deployment)
  copy.metadata.annotations = { ...copy.metadata.annotations, [revisionAnnotation]: revision }
  // As its status: a change of annotations would count as one of the spec.
  store.updateStatus('deployments', copy)
}

function writeStatus(
  { store, caches }: ControllerContext,
  { metadata }: Deployment,
  status: DeploymentPlan['status'],
): void {
  const deployment = caches.deployments.get(joinKey(metadata.namespace, metadata.name))
  if (deployment === undefined || same(status, deployment.status)) return
  store.updateStatus('deployments', { ...structuredClone(deployment), status })
}
