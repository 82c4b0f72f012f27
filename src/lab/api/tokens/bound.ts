import { type Json, textOf } from '../access.ts'
import { badRequest, conflict, notFound } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'

/** What a token may be bound to: it is worth nothing any more when that is gone. */
export interface Bound {
  /** Its name in the claims. */
  claim: 'pod' | 'secret' | 'node'
  object: KubeObject
}

const plurals: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }

/** The object that a TokenRequest names. @throws StatusError 400, 404, 409 */
export function boundObject(store: MemoryStore, account: KubeObject, reference: Json): Bound {
  const { kind = '', name = '', uid = '', apiVersion = '' } = reference
  const plural = apiVersion === 'v1' && Object.hasOwn(plurals, kind) ? plurals[kind] : undefined
  if (plural === undefined) throw badRequest(`cannot bind token to object of type ${goKind(apiVersion, kind)}`)
  const object = store.get(plural, kind === 'Node' ? undefined : account.metadata.namespace, name)
  const named = { group: '', kind, plural }
  if (object === undefined) throw notFound(named, name)
  if (kind === 'Pod' && serviceAccountOf(object) !== account.metadata.name)
    throw badRequest(
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    )
  if (uid !== '' && uid !== object.metadata.uid)
    throw conflict(
      { ...named, plural: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  return { claim: kind.toLowerCase() as Bound['claim'], object }
}

/** As Go writes a GroupVersionKind. */
function goKind(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  return `${group}/${version}, Kind=${kind}`
}

const serviceAccountOf = (pod: KubeObject): string => textOf(pod['spec']?.serviceAccountName) || 'default'

/** How long a token outlives the end of the grace period of what it is bound to (kube-apiserver). */
const leewayMs = 60_000

/** Whether an object that a token is bound to is still the one it was. */
export function isAlive(object: KubeObject | undefined, uid: unknown, now: Date): boolean {
  if (object === undefined || object.metadata.uid !== uid) return false
  const { deletionTimestamp } = object.metadata
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + leewayMs > now.getTime()
}
