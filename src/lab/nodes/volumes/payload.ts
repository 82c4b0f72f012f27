import { ConfigError, objectMissing } from '../config-error.ts'
import { downwardField, downwardResource } from '../downward.ts'
import type { EnvSources } from '../env.ts'
import type { ConfigObject, DownwardItem, KeyToPath, Pod, ProjectedSource, Volume } from '../pod.ts'
import type { VolumeFile, VolumeFiles } from './atomic-writer.ts'

/** What files of a volume are made of. */
export interface PayloadSources
  extends Pick<EnvSources, 'configMap' | 'secret' | 'podIPs' | 'hostIPs' | 'withoutSecrets'> {
  /** A token of the pod's service account. */
  token(audience: string | undefined): string
}

const defaultMode = 0o644

/**
 * The files of a volume that the API's objects fill.
 *
 * @returns undefined for a volume of another kind
 * @throws ConfigError in a kubelet's words when an object or key that is not optional is missing
 */
export function volumePayload(pod: Pod, volume: Volume, sources: PayloadSources): VolumeFiles | undefined {
  const { configMap, secret, downwardAPI, projected } = volume
  const given = configMap ?? secret ?? downwardAPI ?? projected
  if (given === undefined) return undefined
  const files = new Map<string, VolumeFile>()
  const mode = given.defaultMode ?? defaultMode
  // The group that has the volume may read it.
  const more = pod.spec.securityContext?.fsGroup === undefined ? 0 : 0o440
  const all: ProjectedSource[] = projected?.sources ?? [
    {
      ...(configMap && { configMap }),
      ...(secret && { secret: { ...secret, name: secret.secretName ?? '' } }),
      ...(downwardAPI && { downwardAPI }),
    },
  ]
  for (const source of all)
    for (const [path, data, own] of filesOf(pod, source, sources)) files.set(path, { data, mode: (own ?? mode) | more })
  return files
}

type File = [path: string, data: Buffer, mode: number | undefined]

function filesOf(pod: Pod, source: ProjectedSource, sources: PayloadSources): File[] {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source
  if (configMap !== undefined) {
    const object = sources.configMap(configMap.name ?? '')
    if (object === undefined) return missing(configMap, 'configmap')
    return keys(mapData(object), configMap, 'config')
  }
  if (secret !== undefined) {
    const object = sources.secret(secret.name ?? '')
    const wanted = sources.withoutSecrets ? { ...secret, optional: true } : secret
    if (object === undefined) return missing(wanted, 'secret')
    return keys(secretData(object), wanted, 'secret')
  }
  if (serviceAccountToken !== undefined) {
    const { path, audience } = serviceAccountToken
    return [[path, Buffer.from(sources.token(audience)), undefined]]
  }
  return (downwardAPI?.items ?? []).map((item) => downwardFile(pod, item, sources))
}

function missing({ name = '', optional }: { name?: string; optional?: boolean }, kind: 'configmap' | 'secret'): File[] {
  if (optional === true) return []
  throw objectMissing(kind, name)
}

interface KeySelection {
  items?: KeyToPath[]
  optional?: boolean
}

function keys(data: Map<string, Buffer>, { items, optional }: KeySelection, kind: string): File[] {
  if (items === undefined) return [...data].map(([key, value]) => [key, value, undefined])
  return items.flatMap(({ key, path, mode }): File[] => {
    const value = data.get(key)
    if (value !== undefined) return [[path, value, mode]]
    if (optional === true) return []
    throw new ConfigError(`references non-existent ${kind} key: ${key}`, kind === 'secret')
  })
}

function mapData({ data = {}, binaryData = {} }: ConfigObject): Map<string, Buffer> {
  const texts = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const)
  const bytes = Object.entries(binaryData).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const)
  return new Map([...texts, ...bytes])
}

const secretData = ({ data = {} }: ConfigObject): Map<string, Buffer> =>
  new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')]))

function downwardFile(pod: Pod, item: DownwardItem, sources: PayloadSources): File {
  const { path, mode, fieldRef, resourceFieldRef } = item
  const text = fieldRef
    ? downwardField(pod, fieldRef, sources)
    : resourceFieldRef && downwardResource(pod, undefined, resourceFieldRef)
  return [path, Buffer.from(text ?? ''), mode]
}
