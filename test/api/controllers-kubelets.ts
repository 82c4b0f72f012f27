import { apiTime } from '../../src/kube/times.ts'
import type { KubeObject } from '../../src/lab/api/types.ts'
import { Bindings } from './controllers-compare.ts'
import { ControlPlane } from './controllers-plane.ts'
import type { RecordedStep } from './controllers-recording.ts'

type Json = any

/** A control plane whose kubelets, and the choice among equally good nodes, are played by a recording. */
export class PlayedCluster extends ControlPlane {
  readonly bindings = new Bindings()
  #expected: Json[] = []
  /** The step says which pods there are. */
  #isListed = false

  /** Ours, of a pod in the recording: by its uid if it is known from an earlier step, else any that could become it. */
  podOf(recorded: Json): KubeObject | undefined {
    const uid = this.bindings.value(recorded.metadata.uid)
    if (uid !== undefined) return this.pods().find(({ metadata }) => metadata.uid === uid)
    const { app } = recorded.metadata.labels
    const found = this.pods().find(
      (pod) =>
        pod['spec'].nodeName === recorded.spec.nodeName &&
        (pod.metadata.generateName !== undefined && !this.#isStateful(pod)
          ? pod.metadata.labels?.['app'] === app && recorded.metadata.generateName !== undefined
          : pod.metadata.name === recorded.metadata.name) &&
        this.bindings.name(pod.metadata.uid) === undefined,
    )
    if (found !== undefined) this.bindings.bind(recorded.metadata.uid, found.metadata.uid)
    return found
  }

  #isStateful = ({ metadata }: KubeObject): boolean => metadata.ownerReferences?.[0]?.kind === 'StatefulSet'

  /**
   * The scheduler may choose among nodes that are equally good, and the recorded one has chosen otherwise than ours would: pods go where they
   * went, if ours finds them fit for it.
   */
  override prefer(pod: KubeObject, fitting: readonly string[]): string | undefined {
    const stateful = this.#isStateful(pod) || pod.metadata.generateName === undefined
    const taken = new Map<string, number>()
    for (const other of this.pods())
      if (other['spec'].nodeName !== undefined && this.bindings.name(other.metadata.uid) === undefined)
        taken.set(other['spec'].nodeName, (taken.get(other['spec'].nodeName) ?? 0) + 1)
    for (const recorded of this.#expected) {
      const { uid, name, labels } = recorded.metadata
      if (this.bindings.value(uid) !== undefined || recorded.spec.nodeName === undefined) continue
      if (stateful ? name !== pod.metadata.name : labels.app !== pod.metadata.labels?.['app']) continue
      const node = recorded.spec.nodeName as string
      const others = taken.get(node) ?? 0
      if (!stateful && others > 0) {
        taken.set(node, others - 1)
        continue
      }
      return fitting.includes(node) ? node : undefined
    }
    return undefined
  }

  /** Says which pods the step will lead to, for the scheduler and the kubelets. */
  expect({ objects }: RecordedStep): void {
    this.#expected = objects['pods'] ?? []
    this.#isListed = objects['pods'] !== undefined
  }

  /** Ends the pods that the step does not have any more, and brings the others where the step has them. */
  kubelets(): void {
    for (let busy = true; busy; ) {
      this.settle()
      const next = this.#expected.find((recorded) => this.#lags(recorded))
      const gone = this.#gone()
      if (gone !== undefined) this.endPod(gone)
      else if (next !== undefined) this.#follow(next)
      busy = gone !== undefined || next !== undefined
    }
  }

  #gone(): KubeObject | undefined {
    if (!this.#isListed) return undefined
    const uids = new Set(this.#expected.map(({ metadata }) => this.bindings.value(metadata.uid)))
    return this.pods().find(
      ({ metadata }) =>
        metadata.deletionTimestamp !== undefined &&
        this.bindings.name(metadata.uid) !== undefined &&
        !uids.has(metadata.uid),
    )
  }

  #lags(recorded: Json): boolean {
    const ours = this.podOf(recorded)
    return (
      ours !== undefined &&
      recorded.status.phase !== 'Pending' &&
      JSON.stringify(stateOf(ours)) !== JSON.stringify(stateOf(recorded))
    )
  }

  #follow(recorded: Json): void {
    const ours = this.podOf(recorded) as KubeObject
    if (recorded.status.phase === 'Failed' && ours['status'].phase === 'Pending')
      this.setStatus(ours.metadata.name, { ...recorded.status, phase: 'Running', reason: undefined })
    this.setStatus(ours.metadata.name, recorded.status)
  }

  /** Runs the pods of the step as Ready, whatever they are in the recording by its end. */
  runAll(): void {
    for (const recorded of this.#expected) {
      const ours = this.podOf(recorded)
      if (ours === undefined) continue
      const conditions = recorded.status.conditions.map((condition: Json) =>
        condition.type === 'Ready' ? { ...condition, status: 'True' } : condition,
      )
      this.setStatus(ours.metadata.name, { ...recorded.status, conditions })
    }
  }

  /** Writes a pod's status as it was recorded, with times of our own. */
  setStatus(name: string, recorded: Json): void {
    this.change('pods', name, (pod) => {
      const before: Json[] = pod['status'].conditions ?? []
      pod['status'] = this.#timed(recorded)
      for (const condition of pod['status'].conditions) {
        const same = before.find(({ type, status }) => type === condition.type && status === condition.status)
        if (same !== undefined) condition.lastTransitionTime = same.lastTransitionTime
      }
    })
    this.settle()
  }

  #timed = (recorded: Json): Json =>
    JSON.parse(JSON.stringify(recorded).replaceAll('"time"', `"${apiTime(this.clock.now())}"`))
}

/** What a kubelet says of a pod, without times. */
const stateOf = ({ status }: Json): unknown => [
  status.phase,
  status.reason,
  status.podIP,
  (status.conditions ?? [])
    .filter(({ type }: Json) => type === 'ContainersReady' || type === 'Ready')
    .map((c: Json) => [c.type, c.status]),
]
