import { fieldAt, isMap, type Json, setField } from '../access.ts'
import { internalError } from '../status.ts'
import type { KubeObject } from '../types.ts'
import type { ScalePaths } from './custom-kind.ts'
import { followPath, parseJsonPath } from './json-path.ts'

const read = (object: Json, path: string): unknown => followPath(object, parseJsonPath(path) ?? [])[0]

/** Replicas, as the paths of a definition find them. @throws StatusError 500 if the spec has none and `lenient` is not set */
export function customScale(
  object: KubeObject,
  paths: ScalePaths,
  lenient: boolean,
): { replicas: unknown; current: unknown; selector: string } {
  const replicas = read(object, paths.specReplicasPath)
  if (replicas === undefined && !lenient)
    throw internalError(`the spec replicas field "${paths.specReplicasPath}" does not exist`)
  const selector = paths.labelSelectorPath === undefined ? undefined : read(object, paths.labelSelectorPath)
  return {
    replicas,
    current: read(object, paths.statusReplicasPath) ?? 0,
    selector: typeof selector === 'string' ? selector : '',
  }
}

/** A copy of the object with other replicas. */
export function withReplicas(object: KubeObject, { specReplicasPath }: ScalePaths, replicas: number): KubeObject {
  const copy = structuredClone(object)
  const fields = specReplicasPath.split('.').slice(1)
  const last = fields.pop() ?? ''
  let at: Json = copy
  for (const field of fields) {
    const below = fieldAt(at, field)
    const next = isMap(below) ? below : {}
    setField(at, field, next)
    at = next
  }
  setField(at, last, replicas)
  return copy
}
