import { isMap, type Json, listOf, mapOf, textOf } from '../access.ts'
import type { HookContext } from '../kind.ts'
import { forbidden } from '../status.ts'

/** Sets a field that is absent. */
export function fill(object: Json, field: string, value: unknown): void {
  if (object[field] === undefined) object[field] = value
}

/** What the API fills in in a pod's spec, and in that of a template (pkg/apis/core/v1/defaults.go). */
export function defaultPodSpec(spec: Json): void {
  fill(spec, 'restartPolicy', 'Always')
  fill(spec, 'terminationGracePeriodSeconds', 30)
  fill(spec, 'dnsPolicy', 'ClusterFirst')
  fill(spec, 'securityContext', {})
  fill(spec, 'schedulerName', 'default-scheduler')
  for (const container of [...listOf(spec['initContainers']), ...listOf(spec['containers'])])
    defaultContainer(container, spec['hostNetwork'] === true)
  for (const volume of listOf(spec['volumes'])) defaultVolume(volume)
}

function defaultContainer(container: Json, hostNetwork: boolean): void {
  fill(container, 'resources', {})
  fill(container, 'terminationMessagePath', '/dev/termination-log')
  fill(container, 'terminationMessagePolicy', 'File')
  fill(container, 'imagePullPolicy', isLatest(textOf(container['image'])) ? 'Always' : 'IfNotPresent')
  for (const port of listOf(container['ports'])) {
    fill(port, 'protocol', 'TCP')
    if (hostNetwork) fill(port, 'hostPort', port['containerPort'])
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    if (isMap(container[name])) defaultProbe(container[name])
  for (const variable of listOf(container['env'])) {
    const fieldRef = mapOf(mapOf(variable['valueFrom'])['fieldRef'])
    if (fieldRef['fieldPath'] !== undefined) fill(fieldRef, 'apiVersion', 'v1')
  }
}

/** No tag, or the tag `latest`; a digest is neither. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false
  const tag = /:([^/:]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest'
}

function defaultProbe(probe: Json): void {
  fill(probe, 'timeoutSeconds', 1)
  fill(probe, 'periodSeconds', 10)
  fill(probe, 'successThreshold', 1)
  fill(probe, 'failureThreshold', 3)
  const http = probe['httpGet']
  if (!isMap(http)) return
  fill(http, 'path', '/')
  fill(http, 'scheme', 'HTTP')
}

const modes: Readonly<Record<string, string>> = {
  secret: 'defaultMode',
  configMap: 'defaultMode',
  projected: 'defaultMode',
  downwardAPI: 'defaultMode',
}

function defaultVolume(volume: Json): void {
  const sources = Object.keys(volume).filter((field) => field !== 'name')
  if (sources.length === 0) volume['emptyDir'] = {}
  for (const source of sources) {
    const mode = Object.hasOwn(modes, source) ? modes[source] : undefined
    if (mode !== undefined && isMap(volume[source])) fill(volume[source], mode, 0o644)
  }
  if (isMap(volume['hostPath'])) fill(volume['hostPath'], 'type', '')
}

/** A pod's own defaults, besides those of its spec. */
export function defaultPod(pod: Json): void {
  pod['spec'] = mapOf(pod['spec'])
  const spec = pod['spec'] as Json
  defaultPodSpec(spec)
  fill(spec, 'enableServiceLinks', true)
  if (spec['terminationGracePeriodSeconds'] < 0) spec['terminationGracePeriodSeconds'] = 1
  tolerateEviction(spec)
  for (const container of [...listOf(spec['initContainers']), ...listOf(spec['containers'])]) {
    const resources = mapOf(container['resources'])
    const limits = mapOf(resources['limits'])
    if (Object.keys(limits).length > 0) resources['requests'] = { ...limits, ...mapOf(resources['requests']) }
  }
}

const evictionTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

/** Classes that every cluster has (scheduling.k8s.io). */
const priorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

/** What the admission plugin Priority adds. @throws StatusError 403 for a class that there is not */
export function admitPod(pod: Json, context: HookContext): void {
  const spec = pod['spec'] as Json
  const name = textOf(spec['priorityClassName'])
  const classes = context.list('priorityclasses')
  const chosen = classes.find((one) => (name === '' ? one['globalDefault'] === true : nameOf(one) === name))
  const known = Object.hasOwn(priorities, name) ? priorities[name] : undefined
  const priority = chosen?.['value'] ?? (name === '' ? 0 : known)
  if (priority === undefined)
    throw forbidden(
      { group: '', plural: 'pods', kind: 'Pod' },
      nameOf(pod),
      `no PriorityClass with name ${name} was found`,
    )
  if (chosen !== undefined) spec['priorityClassName'] = nameOf(chosen)
  fill(spec, 'priority', priority)
  fill(spec, 'preemptionPolicy', chosen?.['preemptionPolicy'] ?? 'PreemptLowerPriority')
}

const nameOf = (object: Json): string => textOf(mapOf(object['metadata'])['name'])

/** What the admission plugin DefaultTolerationSeconds adds, on create and update. */
function tolerateEviction(spec: Json): void {
  const tolerations = listOf(spec['tolerations'])
  const missing = evictionTaints.filter((taint) => !tolerations.some((t) => tolerates(t, taint)))
  if (missing.length === 0) return
  const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }))
  spec['tolerations'] = [...tolerations, ...added]
}

const tolerates = (toleration: Json, taint: string): boolean =>
  (toleration['key'] === taint || toleration['key'] === undefined) &&
  (toleration['effect'] === 'NoExecute' || toleration['effect'] === undefined)

/**
 * A field and the list whose first item it is (podIP and podIPs, podCIDR and podCIDRs): where they differ the field is right, where one is
 * missing it follows from the other. `alone`: the list of the field alone.
 */
export function firstOf(object: Json, field: string, list: string, alone: unknown[]): void {
  const items: unknown = object[list]
  const [first] = Array.isArray(items) ? items : []
  const value: unknown = isMap(first) ? first['ip'] : first
  if (!object[field]) {
    if (value !== undefined) object[field] = value
  } else if (value !== object[field]) object[list] = alone
}

/** Fields of a pod's conditions that Go writes even when nobody set them, and its addresses. */
export function defaultPodStatus(pod: Json): void {
  const status = mapOf(pod['status'])
  firstOf(status, 'podIP', 'podIPs', [{ ip: status['podIP'] }])
  for (const condition of listOf(mapOf(pod['status'])['conditions'])) {
    fill(condition, 'lastProbeTime', null)
    fill(condition, 'lastTransitionTime', null)
  }
}

const gated = {
  type: 'PodScheduled',
  status: 'False',
  lastProbeTime: null,
  lastTransitionTime: null,
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
}

/** Status of a new pod. */
export function initialPodStatus(pod: Json): Json {
  const spec = mapOf(pod['spec'])
  const conditions = listOf(spec['schedulingGates']).length > 0 ? { conditions: [{ ...gated }] } : {}
  return { phase: 'Pending', ...conditions, qosClass: qosClass(spec) }
}

/** Guaranteed: every container has limits for both, equal to its requests. BestEffort: none has any. */
function qosClass(spec: Json): string {
  const all = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].map((c) => mapOf(c['resources']))
  const some = all.some(({ limits, requests }) => [limits, requests].some((r) => Object.keys(mapOf(r)).length > 0))
  if (!some) return 'BestEffort'
  const guaranteed = all.every(({ limits, requests }) =>
    ['cpu', 'memory'].every((r) => {
      const limit = mapOf(limits)[r]
      return limit !== undefined && (mapOf(requests)[r] ?? limit) === limit
    }),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
