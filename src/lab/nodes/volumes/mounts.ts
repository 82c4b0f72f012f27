import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../config-error.ts'
import { allContainers, type Container, type Pod, type VolumeMount } from '../pod.ts'
import { expand } from '../env.ts'

/** A directory or file of the node that appears in a pod. */
export interface PodMount {
  /** In the node's view, without symbolic links. */
  source: string
  target: string
  readOnly: boolean
  isFile: boolean
}

/**
 * The mounts of all containers of a pod, outer ones before those inside of them. All containers of a pod see one file system: of several that mount at one
 * path the first wins, those that stay before init containers.
 *
 * @param directoryOf where a volume is; undefined for one that is left out
 * @param envOf for subPathExpr
 * @throws ConfigError for a subPath that leads out of its volume
 */
export function podMounts(
  pod: Pod,
  directoryOf: (volume: string) => string | undefined,
  envOf: (container: Container) => Record<string, string>,
): PodMount[] {
  const mounts = new Map<string, PodMount>()
  for (const container of [...pod.spec.containers, ...allContainers(pod)]) {
    for (const mount of container.volumeMounts ?? []) {
      const target = cleanPath(mount.mountPath)
      const directory = directoryOf(mount.name)
      if (directory === undefined || mounts.has(target)) continue
      const source = sourceOf(directory, mount, () => envOf(container))
      const isFile = !statSync(source).isDirectory()
      mounts.set(target, { source, target, readOnly: mount.readOnly === true, isFile })
    }
  }
  return [...mounts.values()].sort((a, b) => depth(a.target) - depth(b.target))
}

function sourceOf(directory: string, mount: VolumeMount, env: () => Record<string, string>): string {
  const sub = mount.subPathExpr === undefined ? (mount.subPath ?? '') : expand(mount.subPathExpr, env())
  if (sub === '') return realpathSync(directory)
  if (sub.split('/').includes('..') || sub.startsWith('/'))
    throw new ConfigError(`subPath "${sub}" leads out of its volume`)
  const path = join(directory, sub)
  if (!existsSync(path)) mkdirSync(path, { recursive: true })
  return realpathSync(path)
}

const cleanPath = (path: string): string => join('/', path).replace(/(.)\/+$/, '$1')

const depth = (path: string): number => path.split('/').filter(Boolean).length
