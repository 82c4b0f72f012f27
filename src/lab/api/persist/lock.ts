import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { WeftError } from '../../../model/error.ts'
import { takeLock } from '../../lock.ts'

const waitMs = 2_000

/**
 * Makes this process the only one (of its network namespace) that writes to a folder, until it ends or releases it. Waits a while for one that is just ending.
 *
 * @throws WeftError API_STATE_IN_USE
 */
export async function lockFolder(dir: string): Promise<() => void> {
  const hash = createHash('sha256').update(realpathSync(dir)).digest('hex')
  const lock = await takeLock(`weft/api/${hash.slice(0, 32)}`, waitMs)
  if (lock === undefined)
    throw new WeftError('another API runs with this folder', {
      code: 'API_STATE_IN_USE',
      fault: 'user',
      where: dir,
      remedy: 'end the other one, or give this one a folder of its own',
    })
  lock.unref()
  return () => void lock.close()
}
