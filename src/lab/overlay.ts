import { spawnSync } from 'node:child_process'
import { WeftError } from '../model/error.ts'

/** A layer over the root, as a pod gets it, in a mount namespace that ends with the shell. */
const attempt = `set -e
mount -t tmpfs tmpfs /tmp
mkdir /tmp/upper /tmp/work /tmp/merged
mount -t overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/merged`

const unshare = ['--mount', '--propagation', 'private', 'sh', '-c']

/**
 * Checks that pods can have a file system of their own, which is a layer over that of the machine (overlayfs). The module is loaded by the attempt, if it is there.
 *
 * @param script what to attempt; for tests
 * @throws WeftError LAB_OVERLAY_MISSING with what mount(8) says
 */
export function checkOverlay(script: string = attempt): void {
  const { status, stderr, error } = spawnSync('unshare', [...unshare, script], { encoding: 'utf8' })
  if (status === 0) return
  const words = error?.message ?? stderr.trim().split('\n')[0] ?? ''
  throw new WeftError(`overlay file systems, which pods run on, cannot be mounted here: ${words}`, {
    code: 'LAB_OVERLAY_MISSING',
    fault: 'user',
    remedy:
      'modprobe overlay; in a container: run it privileged, and with a volume or tmpfs as its root if that is a stack of overlays itself',
    exitCode: 5,
  })
}
