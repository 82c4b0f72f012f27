import { ReplayCluster } from './controllers-cluster.ts'
import { readRecording } from './controllers-recording.ts'
import { scripts } from './controllers-scripts.ts'

/** Steps whose state was recorded before the controllers came to rest. */
const unsettled = new Set(['nodes/answer'])

const namespaceOf = (name: string): string => (name === 'namespace-deletion' ? 'fx-namespace-deletion-b' : `fx-${name}`)

export const recordings: readonly string[] = Object.keys(scripts)

/** Replays one recording; what differs, by `recording/step`. */
export function replay(name: string): Map<string, string[]> {
  const cluster = new ReplayCluster(namespaceOf(name))
  const found = new Map<string, string[]>()
  for (const step of readRecording(name).steps) {
    const key = `${name}/${step.step}`
    cluster.expect(step)
    if (!unsettled.has(key)) cluster.kubelets()
    scripts[name]?.[step.step]?.(cluster)
    if (!unsettled.has(key)) cluster.kubelets()
    found.set(key, cluster.compare(step))
  }
  if (cluster.log.length > 0) found.set(`${name}/log`, cluster.log)
  return found
}
