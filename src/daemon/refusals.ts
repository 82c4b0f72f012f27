import { parseServicePortKey } from '../model/services.ts'
import type { Refusal } from '../reconcile/types.ts'

/** The object that a refusal is told on: a Service, or the node itself. */
export interface RefusedObject {
  kind: 'Service' | 'Node'
  /** Empty for a Node. */
  namespace: string
  name: string
}

export interface RefusalNews {
  /** Same object, reason and message: the same news, also when several of the object's ports have it. */
  key: string
  object: RefusedObject
  reason: string
  message: string
  /** Whoever reads the same objects tells the same of it. */
  clusterWide: boolean
}

/** What to tell by key: refusals that were not there before, and all that are there now. */
export interface RefusalDiff {
  fresh: RefusalNews[]
  now: Map<string, RefusalNews>
}

/** The object that a subject stands for; undefined for a subject that stands for no object of the API. */
export type ObjectOf = (subject: string) => RefusedObject | undefined

/** Which refusals are news. One that went away and came back is news again. */
export function diffRefusals(
  told: { has(key: string): boolean },
  refusals: readonly Refusal[],
  objectOf: ObjectOf,
): RefusalDiff {
  const now = new Map<string, RefusalNews>()
  for (const { subject, reason, message, clusterWide = false } of refusals) {
    const object = objectOf(subject)
    if (!object) continue
    const key = [object.kind, object.namespace, object.name, reason, message].join('\n')
    now.set(key, { key, object, reason, message, clusterWide })
  }
  return { fresh: [...now.values()].filter(({ key }) => !told.has(key)), now }
}

const nodeObject = (name: string): RefusedObject => ({ kind: 'Node', namespace: '', name })

/** Subjects of an agent's parts: Service ports, and what belongs to this node as a whole. */
export const objectsOfAgent =
  (nodeName: string): ObjectOf =>
  (subject) => {
    // No name of a Service begins so.
    if (subject.startsWith('@')) return nodeObject(nodeName)
    const service = parseServicePortKey(subject)?.service
    const slash = service?.indexOf('/') ?? -1
    if (service === undefined || slash <= 0) return undefined
    return { kind: 'Service', namespace: service.slice(0, slash), name: service.slice(slash + 1) }
  }

/** Subjects that are Nodes by their name. */
export const objectsOfNodes: ObjectOf = (subject) => nodeObject(subject)
