import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../config-error.ts'
import type { Container, Pod, Volume } from '../pod.ts'
import { writeVolume } from './atomic-writer.ts'
import { hostPath } from './host-path.ts'
import { type PodMount, podMounts } from './mounts.ts'
import { type PayloadSources, volumePayload } from './payload.ts'
import { hasPrograms } from './token-volume.ts'

/** Where a kubelet keeps its pods' volumes; the node's own, in memory. */
const podsDirectory = '/var/lib/kubelet/pods'
/** Stands in for storage: a claim is a directory of the node, for as long as the node lives. */
const claimsDirectory = '/var/lib/kubelet/claims'

const volumesDir = (podUid: string): string => join(podsDirectory, podUid, 'volumes')

/** What could not be mounted, in the words of a kubelet's Event FailedMount. */
export class MountError extends Error {
  /** It is a Secret that is missing. */
  readonly ofSecret: boolean

  constructor(volume: Volume, cause: ConfigError) {
    super(`MountVolume.SetUp failed for volume "${volume.name}" : ${cause.message}`, { cause })
    this.ofSecret = cause.ofSecret
  }
}

/**
 * Makes the volumes of a pod, or brings those that the API's objects fill up to date.
 *
 * @returns what is to be mounted where
 * @throws MountError
 */
export function prepareVolumes(
  pod: Pod,
  sources: PayloadSources,
  envOf: (container: Container) => Record<string, string>,
): PodMount[] {
  const directories = new Map<string, string | undefined>()
  for (const volume of pod.spec.volumes ?? []) directories.set(volume.name, mountable(pod, volume, sources))
  return podMounts(pod, (name) => directories.get(name), envOf)
}

/**
 * Brings those volumes up to date that the API's objects fill. One whose object is gone keeps what it has, as with a kubelet.
 *
 * @returns what is wrong with the others
 */
export function refreshVolumes(pod: Pod, sources: PayloadSources): Error[] {
  const errors: Error[] = []
  for (const volume of pod.spec.volumes ?? []) {
    try {
      const files = volumePayload(pod, volume, sources)
      if (files !== undefined) writeVolume(directoryOf(pod, volume), files, groupOf(pod))
    } catch (error) {
      errors.push(mountError(volume, error))
    }
  }
  return errors
}

export const removeVolumes = (podUid: string): void =>
  rmSync(join(podsDirectory, podUid), { recursive: true, force: true })

function mountable(pod: Pod, volume: Volume, sources: PayloadSources): string | undefined {
  try {
    return prepare(pod, volume, sources)
  } catch (error) {
    // What stands in for an image needs nothing of the node, and a lab's nodes lack much.
    if (volume.hostPath !== undefined && !hasPrograms(pod)) return undefined
    throw mountError(volume, error)
  }
}

function prepare(pod: Pod, volume: Volume, sources: PayloadSources): string {
  if (volume.hostPath !== undefined) return hostPath(volume.hostPath.path, volume.hostPath.type)
  const directory = directoryOf(pod, volume)
  const files = volumePayload(pod, volume, sources)
  if (files !== undefined) writeVolume(directory, files, groupOf(pod))
  else if (!existsSync(directory)) {
    mkdirSync(directory, { recursive: true })
    const group = groupOf(pod)
    if (group !== undefined) chownSync(directory, 0, group)
    chmodSync(directory, group === undefined ? 0o777 : 0o2777)
  }
  return directory
}

const groupOf = ({ spec }: Pod): number | undefined => spec.securityContext?.fsGroup

/** A volume has the directory that a kubelet gives it: its plugin's name and its own. */
function directoryOf({ metadata }: Pod, volume: Volume): string {
  const claim = volume.persistentVolumeClaim?.claimName ?? (volume['ephemeral'] && `${metadata.name}-${volume.name}`)
  if (typeof claim === 'string') return join(claimsDirectory, metadata.namespace, claim)
  const { configMap, secret, downwardAPI, projected } = volume
  const plugin = configMap
    ? 'configmap'
    : secret
      ? 'secret'
      : downwardAPI
        ? 'downward-api'
        : projected
          ? 'projected'
          : 'empty-dir'
  return join(volumesDir(metadata.uid), `kubernetes.io~${plugin}`, volume.name)
}

const mountError = (volume: Volume, error: unknown): Error =>
  error instanceof ConfigError ? new MountError(volume, error) : (error as Error)
