import { listOf, mapOf, textOf } from '../access.ts'
import { badRequest } from '../status.ts'
import type { KubeObject } from '../types.ts'

const namesIn = (pod: KubeObject, field: string): string[] =>
  listOf(mapOf(pod['spec'])[field]).map(({ name }) => textOf(name))

/**
 * The container that is meant: the one named, or the only one there is. The words are those of a real server
 * (pkg/registry/core/pod/strategy.go).
 *
 * @param asked '' where none was named
 * @throws StatusError 400
 */
export function containerOf(pod: KubeObject, asked: string): string {
  const names = namesIn(pod, 'containers')
  const initial = namesIn(pod, 'initContainers')
  const [only = '', ...more] = names
  const { name } = pod.metadata
  if (asked === '') {
    if (more.length === 0) return only
    const others = initial.length === 0 ? '' : ` or one of the init containers: [${initial.join(' ')}]`
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]${others}`)
  }
  if ([...names, ...initial, ...namesIn(pod, 'ephemeralContainers')].includes(asked)) return asked
  throw badRequest(`container ${asked} is not valid for pod ${name}`)
}
