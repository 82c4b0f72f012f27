import { type Json, listOf, mapOf } from '../access.ts'
import { type FieldError, invalidValue, required } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'

const defaultCpuPercent = 80

const cpuMetric = (percent: unknown): Json => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
})

const scaleUpPolicies = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
] as const

/** autoscaling/v2; behaviour gets its defaults only when some of it is given. */
export function defaultAutoscaler(scaler: Json): void {
  scaler['spec'] = mapOf(scaler['spec'])
  const spec = scaler['spec'] as Json
  fill(spec, 'minReplicas', 1)
  if (listOf(spec['metrics']).length === 0) spec['metrics'] = [cpuMetric(defaultCpuPercent)]
  if (spec['behavior'] === undefined) return
  const behavior = mapOf(spec['behavior'])
  fill(behavior, 'scaleUp', {})
  fill(behavior, 'scaleDown', {})
  const up = mapOf(behavior['scaleUp'])
  const down = mapOf(behavior['scaleDown'])
  fill(up, 'stabilizationWindowSeconds', 0)
  fill(up, 'policies', structuredClone(scaleUpPolicies))
  fill(down, 'policies', [{ type: 'Percent', value: 100, periodSeconds: 15 }])
  for (const rules of [up, down]) fill(rules, 'selectPolicy', 'Max')
}

export const autoscalerStatus = (): Json => ({ currentMetrics: null, desiredReplicas: 0 })

export function autoscalerErrors(scaler: Json): FieldError[] {
  const { scaleTargetRef, minReplicas, maxReplicas } = mapOf(scaler['spec'])
  const target = mapOf(scaleTargetRef)
  const [min, max] = [Number(minReplicas), Number(maxReplicas ?? 0)]
  return [
    ...(min < 1 ? [invalidValue('spec.minReplicas', min, 'must be greater than or equal to 1')] : []),
    ...(max < 1 ? [invalidValue('spec.maxReplicas', max, 'must be greater than 0')] : []),
    ...(max < min ? [invalidValue('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`')] : []),
    ...['kind', 'name'].filter((field) => !target[field]).map((field) => required(`spec.scaleTargetRef.${field}`)),
  ]
}

const otherMetrics = 'autoscaling.alpha.kubernetes.io/metrics'

const isCpu = (metric: Json): boolean =>
  metric['type'] === 'Resource' &&
  mapOf(metric['resource'])['name'] === 'cpu' &&
  mapOf(mapOf(metric['resource'])['target'])['averageUtilization'] !== undefined

/** autoscaling/v1 has one number for the CPU; other metrics are an annotation there. */
export function autoscalerToOld(scaler: Json): Json {
  const { metrics, behavior: _behavior, ...spec } = mapOf(scaler['spec'])
  const { currentMetrics: _metrics, conditions: _conditions, ...status } = mapOf(scaler['status'])
  const cpu = listOf(metrics).find(isCpu)
  const others = listOf(metrics).filter((metric) => metric !== cpu)
  const percent = mapOf(mapOf(cpu?.['resource'])['target'])['averageUtilization']
  const metadata = mapOf(scaler['metadata'])
  const annotations = { ...mapOf(metadata['annotations']), [otherMetrics]: JSON.stringify(others) }
  return {
    ...scaler,
    apiVersion: 'autoscaling/v1',
    metadata: others.length === 0 ? metadata : { ...metadata, annotations },
    spec: { ...spec, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) },
    status: { currentReplicas: 0, ...status },
  }
}

export function autoscalerFromOld(scaler: Json): Json {
  const { targetCPUUtilizationPercentage: percent, ...spec } = mapOf(scaler['spec'])
  const { annotations, ...metadata } = mapOf(scaler['metadata'])
  const { [otherMetrics]: text, ...rest } = mapOf(annotations)
  const others = typeof text === 'string' ? listOf(JSON.parse(text)) : []
  return {
    ...scaler,
    apiVersion: 'autoscaling/v2',
    metadata: Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest },
    spec: { ...spec, metrics: [...(percent === undefined ? [] : [cpuMetric(percent)]), ...others] },
  }
}
