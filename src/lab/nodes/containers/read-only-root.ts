import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { allContainers, type Container, type Pod } from '../pod.ts'
import { quote, rootMounts } from '../pod-holder.ts'

/**
 * Command that runs the one behind it in a mount namespace of its own, in which nothing of the pod's root can be written (`readOnlyRootFilesystem`): a pod's containers share one root, and
 * others may write to it. Writable stay, as with a container runtime, the volumes, /dev, and the file of the termination message.
 *
 * @param mounts what the root is made of
 * @returns nothing where it is not asked for
 */
export function withReadOnlyRoot(pod: Pod, container: Container, mounts = rootMounts()): string[] {
  if (container.securityContext?.readOnlyRootFilesystem !== true) return []
  const volumes = new Set(allContainers(pod).flatMap(({ volumeMounts = [] }) => volumeMounts.map(placeOf)))
  const script = [
    'set -e',
    '/bin/mount --rbind /dev /dev',
    ...keptFile(container),
    ...mounts.filter((path) => !volumes.has(path)).map((path) => `/bin/mount -o remount,bind,ro ${quote(path)}`),
    'exec "$@"',
  ]
  return ['/usr/bin/unshare', '--mount', '--propagation=private', '/bin/sh', '-c', script.join('\n'), 'sh']
}

/** Where a volume is mounted: /var/run, say, is a link. */
function placeOf({ mountPath }: { mountPath: string }): string {
  const path = posix.resolve('/', mountPath)
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function keptFile({ terminationMessagePath: path }: Container): string[] {
  if (path === undefined || path.startsWith('/dev/')) return []
  const [file, directory] = [quote(path), quote(posix.dirname(path))]
  return [`mkdir -p ${directory}; [ -e ${file} ] || : > ${file}; /bin/mount --bind ${file} ${file}`]
}
