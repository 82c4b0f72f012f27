import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { trimMalloc } from '../kernel/ffi.ts'

/**
 * Memory of an agent. It has one burst of work, the first lists and the plan of everything, and small changes ever after; V8 sizes its heap by the burst. So the
 * young generation stays as small as it starts (it would grow to three times 16 MiB, for work that is over soon), and after the burst its garbage is collected
 * once. One thread collects it: others that help have to be woken each time, and waited for (700 waits in one sync of 10,000 Services). V8 reads these flags each time that it decides, so they may be set while it runs; one that a version does not know is told on stderr, and that is all.
 */
export function boundHeap(): void {
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** How much garbage there may be beside what lives before it is collected, in percent of that; V8's own choice is up to 300. */
const garbagePercent = 15

/** For what the start leaves to be done: effects, first answers. */
const settleMs = 1000

/** Collects the garbage of the start and gives its memory back. Blocks for about 50 ms at 10,000 Services, once. */
export async function collectGarbageOfStart(signal: AbortSignal): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${garbagePercent}`)
  try {
    await sleep(settleMs, undefined, { signal })
  } catch {
    return
  }
  collectAndCompact()
  trimMalloc()
}

/** What lives stands between garbage on nearly all pages: only where it is moved together do the pages become free. */
function collectAndCompact(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  setFlagsFromString('--compact-on-every-full-gc')
  collect()
  setFlagsFromString('--no-compact-on-every-full-gc')
}
