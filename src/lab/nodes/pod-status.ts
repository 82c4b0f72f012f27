import { apiTime } from '../../kube/times.ts'
import type { ContainerView, Terminated } from './containers/state.ts'
import { type Container, initContainersOf, isSidecar, type Pod, type PodCondition, type PodStatus } from './pod.ts'

/** What the node knows about a pod beyond the object. Addresses: primary family first. */
export interface PodFacts {
  hostIPs: readonly string[]
  /** Empty while the pod has no network. */
  podIPs: readonly string[]
  /** How each container is, by name. */
  views: ReadonlyMap<string, ContainerView>
  /** The pod is being taken down: nothing of it is ready. */
  leaving: boolean
  now: Date
}

const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready', 'PodScheduled'] as const

/** The status that a kubelet would write for the pod (pkg/kubelet/kubelet_pods.go, generateAPIPodStatus). */
export function podStatus(pod: Pod, facts: PodFacts): PodStatus {
  const now = apiTime(facts.now.getTime())
  const phase = phaseOf(pod, facts.views)
  const [hostIP = ''] = facts.hostIPs
  const [podIP] = facts.podIPs
  const status = (container: Container) => containerStatus(pod, container, facts)
  return {
    phase,
    hostIP,
    hostIPs: facts.hostIPs.map((ip) => ({ ip })),
    ...(podIP !== undefined && { podIP, podIPs: facts.podIPs.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? now,
    conditions: conditionsOf(pod, phase, facts, now),
    initContainerStatuses: initContainersOf(pod).map(status),
    containerStatuses: pod.spec.containers.map(status),
  }
}

/** A Job's pod: nothing of its images runs in a lab, so what stands in for them is done as soon as it is seen. */
export const completesAtOnce = ({ metadata, spec }: Pod): boolean =>
  (spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure') &&
  (metadata.ownerReferences ?? []).some(({ kind, controller }) => kind === 'Job' && controller === true)

/** Whether the pod's containers have ended for good: nothing is left to do for it but to remove it. */
export const isFinished = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

type Views = ReadonlyMap<string, ContainerView>

/** getPhase of a kubelet. */
function phaseOf(pod: Pod, views: Views): string {
  const { restartPolicy = 'Always' } = pod.spec
  const inits = initContainersOf(pod).filter((container) => !isSidecar(container))
  if (restartPolicy === 'Never' && inits.some((init) => endedWith(views.get(init.name))?.exitCode)) return 'Failed'
  if (!isInitialized(pod, views)) return 'Pending'
  const all = pod.spec.containers.map(({ name }) => views.get(name))
  if (all.every((view) => view !== undefined && isOver(view, restartPolicy)))
    return all.every((view) => endedWith(view)?.exitCode === 0) ? 'Succeeded' : 'Failed'
  return all.some((view) => view === undefined || ('waiting' in view.state && view.last === undefined))
    ? 'Pending'
    : 'Running'
}

/** Whether it has ended and is not started again. */
export function isOver(view: ContainerView, restartPolicy: string): boolean {
  const ended = endedWith(view)
  if (ended === undefined || restartPolicy === 'Always') return false
  return restartPolicy === 'Never' || ended.exitCode === 0
}

const endedWith = (view: ContainerView | undefined): Terminated | undefined =>
  view !== undefined && 'terminated' in view.state ? view.state.terminated : undefined

/** Init containers have completed, those that stay have started. */
const isInitialized = (pod: Pod, views: Views): boolean =>
  initContainersOf(pod).every((init) => isInitDone(init, views.get(init.name)))

const isInitDone = (init: Container, view: ContainerView | undefined): boolean =>
  isSidecar(init) ? view?.started === true : endedWith(view)?.exitCode === 0

/** Conditions of which kind there is no news keep their lastTransitionTime; readiness gates are asked as in a real kubelet. */
function conditionsOf(pod: Pod, phase: string, facts: PodFacts, now: string): PodCondition[] {
  const before = new Map((pod.status?.conditions ?? []).map((condition) => [condition.type, condition]))
  const own = verdicts(pod, phase, facts, before)
  const kept = ownConditions.map((type): PodCondition => {
    const { lastTransitionTime, status } = before.get(type) ?? {}
    return { type, ...own[type], lastTransitionTime: (status === own[type].status && lastTransitionTime) || now }
  })
  return [...kept, ...[...before.values()].filter(({ type }) => !(type in own))]
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>

function verdicts(
  pod: Pod,
  phase: string,
  { podIPs, views, leaving }: PodFacts,
  before: Map<string, PodCondition>,
): Record<(typeof ownConditions)[number], Verdict> {
  const done = phase === 'Succeeded' || phase === 'Failed'
  const unready = pod.spec.containers.filter(({ name }) => leaving || views.get(name)?.ready !== true)
  const containers = done ? completed(phase) : verdict(unready, 'ContainersNotReady', 'unready')
  const gates = (pod.spec.readinessGates ?? []).filter((gate) => before.get(gate.conditionType)?.status !== 'True')
  const waiting = initContainersOf(pod).filter((init) => !isInitDone(init, views.get(init.name)))
  const initialized: Verdict =
    phase === 'Succeeded'
      ? { status: 'True', reason: 'PodCompleted' }
      : verdict(waiting, 'ContainersNotInitialized', 'incomplete')
  return {
    PodReadyToStartContainers: { status: podIPs.length > 0 && !done ? 'True' : 'False' },
    Initialized: initialized,
    ContainersReady: containers,
    Ready: containers.status === 'True' && gates.length > 0 ? gatesNotReady(gates) : containers,
    PodScheduled: { status: 'True' },
  }
}

const completed = (phase: string): Verdict => ({
  status: 'False',
  reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed',
})

const verdict = (missing: Container[], reason: string, what: string): Verdict =>
  missing.length === 0
    ? { status: 'True' }
    : {
        status: 'False',
        reason,
        message: `containers with ${what} status: [${missing.map(({ name }) => name).join(' ')}]`,
      }

const gatesNotReady = (gates: { conditionType: string }[]): Verdict => ({
  status: 'False',
  reason: 'ReadinessGatesNotReady',
  message: gates
    .map(({ conditionType }) => `corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    .join(', '),
})

function containerStatus(pod: Pod, container: Container, { views, leaving }: PodFacts) {
  const { name, image = '' } = container
  const view = views.get(name)
  const state = view?.state ?? { waiting: { reason: waitingReason(pod, container) } }
  const begun = 'running' in state || 'terminated' in state
  const isInit = initContainersOf(pod).includes(container) && !isSidecar(container)
  return {
    name,
    image,
    imageID: '',
    ready: isInit ? endedWith(view)?.exitCode === 0 : !leaving && view?.ready === true,
    started: view?.started === true,
    restartCount: view?.restart ?? 0,
    state: withId(pod, view, state),
    lastState: view?.last ? { terminated: { ...view.last, containerID: containerId(pod, view, -1) } } : {},
    ...(begun && view && { containerID: containerId(pod, view) }),
  }
}

const waitingReason = (pod: Pod, container: Container): string =>
  initContainersOf(pod).length > 0 && pod.spec.containers.includes(container) ? 'PodInitializing' : 'ContainerCreating'

const withId = (pod: Pod, view: ContainerView | undefined, state: ContainerView['state']) =>
  'terminated' in state && view ? { terminated: { ...state.terminated, containerID: containerId(pod, view) } } : state

/** Each run of a container has an id of its own. */
const containerId = (pod: Pod, { name, restart }: ContainerView, offset = 0): string =>
  `weft://${pod.metadata.uid}/${name}/${restart + offset}`

/** Whether a status says what the other says, apart from conditions' times and from fields that others fill. */
export const sameStatus = (a: PodStatus, b: PodStatus | undefined): boolean => essence(a) === essence(b)

function essence(status: PodStatus | undefined): string {
  const conditions = (status?.conditions ?? []).map((one) => [one.type, one.status, one.reason ?? ''].join()).sort()
  const statuses = ['initContainerStatuses', 'containerStatuses'].map((field) => {
    const list = (status?.[field] ?? []) as Record<string, unknown>[]
    return list.map(({ name, ready, started, restartCount, state, lastState }) =>
      canonical([name, ready, started === true, restartCount, state, lastState ?? {}]),
    )
  })
  return JSON.stringify([status?.phase, status?.podIP, status?.podIPs, conditions, statuses])
}

/** JSON whose keys are in one order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  )
