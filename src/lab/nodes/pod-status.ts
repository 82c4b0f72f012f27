import type { Container, Pod, PodCondition, PodStatus } from './pod.ts'

/** What the node knows about a pod beyond the object. */
export interface PodFacts {
  hostIP: string
  podIP: string
  /** Sockets are open and the pod is not leaving. */
  ready: boolean
  now: Date
}

const startConditions = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready', 'PodScheduled']

/** The status of a pod whose containers run (all of them are the one echo server). */
export function runningStatus(pod: Pod, facts: PodFacts): PodStatus {
  const now = rfc3339(facts.now)
  const startTime = pod.status?.startTime ?? now
  return {
    phase: 'Running',
    hostIP: facts.hostIP,
    hostIPs: [{ ip: facts.hostIP }],
    podIP: facts.podIP,
    podIPs: [{ ip: facts.podIP }],
    startTime,
    conditions: conditionsOf(pod, facts.ready, now),
    initContainerStatuses: (pod.spec.initContainers ?? []).map((container) => completed(pod, container, startTime)),
    containerStatuses: pod.spec.containers.map((container) => running(pod, container, facts.ready, startTime)),
  }
}

/** A Job's pod: nothing of its image runs in a lab, so it is done as soon as it is seen. */
export const completesAtOnce = ({ metadata, spec }: Pod): boolean =>
  (spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure') &&
  (metadata.ownerReferences ?? []).some(({ kind, controller }) => kind === 'Job' && controller === true)

/** Whether the pod's containers have ended for good: nothing is left to do for it but to remove it. */
export const isFinished = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** The status of a pod whose containers have all ended well. */
export function succeededStatus(pod: Pod, hostIP: string, now: Date): PodStatus {
  const startTime = pod.status?.startTime ?? rfc3339(now)
  const done = (container: Container) => ({ ...completed(pod, container, startTime), ready: false })
  return {
    phase: 'Succeeded',
    hostIP,
    hostIPs: [{ ip: hostIP }],
    startTime,
    conditions: conditionsOf(pod, false, rfc3339(now)).map((condition) =>
      condition.status === 'False' && startConditions.includes(condition.type)
        ? { ...condition, reason: 'PodCompleted' }
        : condition,
    ),
    initContainerStatuses: (pod.spec.initContainers ?? []).map((container) => completed(pod, container, startTime)),
    containerStatuses: pod.spec.containers.map(done),
  }
}

/** The status of a pod that cannot start yet: still Pending, with the reason where kubectl shows it. */
export function waitingStatus(pod: Pod, hostIP: string, reason: string, message: string, now: Date): PodStatus {
  return {
    phase: 'Pending',
    hostIP,
    hostIPs: [{ ip: hostIP }],
    startTime: pod.status?.startTime ?? rfc3339(now),
    containerStatuses: pod.spec.containers.map((container) => ({
      ...common(container),
      ready: false,
      started: false,
      state: { waiting: { reason, message } },
    })),
  }
}

/** Conditions of which kind there is no news keep their lastTransitionTime; readiness gates are asked as in a real kubelet. */
function conditionsOf(pod: Pod, ready: boolean, now: string): PodCondition[] {
  const before = new Map((pod.status?.conditions ?? []).map((condition) => [condition.type, condition]))
  const gates = (pod.spec.readinessGates ?? []).map((gate) => before.get(gate.conditionType)?.status === 'True')
  const states: Record<string, boolean> = { ContainersReady: ready, Ready: ready && gates.every(Boolean) }
  const own = startConditions.map((type): PodCondition => {
    const status = (states[type] ?? true) ? 'True' : 'False'
    const same = before.get(type)?.status === status
    return { type, status, lastTransitionTime: (same && before.get(type)?.lastTransitionTime) || now }
  })
  return [...own, ...[...before.values()].filter((condition) => !startConditions.includes(condition.type))]
}

const running = (pod: Pod, container: Container, ready: boolean, startedAt: string) => ({
  ...common(container),
  containerID: containerId(pod, container),
  ready,
  started: true,
  state: { running: { startedAt } },
})

const completed = (pod: Pod, container: Container, at: string) => ({
  ...common(container),
  containerID: containerId(pod, container),
  ready: true,
  started: false,
  state: {
    terminated: {
      exitCode: 0,
      reason: 'Completed',
      startedAt: at,
      finishedAt: at,
      containerID: containerId(pod, container),
    },
  },
})

const common = ({ name, image = '' }: Container) => ({ name, image, imageID: '', restartCount: 0, lastState: {} })

const containerId = (pod: Pod, container: Container): string => `weft://${pod.metadata.uid}/${container.name}`

/** metav1.Time has whole seconds. */
export const rfc3339 = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

/** Whether a status says what the other says, apart from times. */
export const sameStatus = (a: PodStatus, b: PodStatus | undefined): boolean => essence(a) === essence(b)

function essence(status: PodStatus | undefined): string {
  const conditions = (status?.conditions ?? []).map(({ type, status }) => `${type}=${status}`).sort()
  return JSON.stringify([status?.phase, status?.podIP, conditions])
}
