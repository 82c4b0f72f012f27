import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { trimMalloc } from '../kernel/ffi.ts'

/**
 * Memory of an agent. It has one burst of work, the first lists and the plan of everything, and small changes ever after; V8 sizes its heap by the burst. So the
 * young generation is made four times as large as it starts and then kept there (it would grow to three times 16 MiB, for work that is over soon), and after the burst its garbage is
 * collected once. V8 reads these flags each time that it decides, so they may be set while it runs; one that a version does not know is told on stderr, and that is all.
 *
 * A burst collects the young generation about every other millisecond. One thread does that alone: others to help it have to be woken each time, and waited for, on machines with few
 * cores (700 waits in one sync of 10,000 Services).
 */
export function boundHeap(): void {
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString(`--semi-space-growth-factor=${growth}`)
  growYoung()
  setFlagsFromString('--semi-space-growth-factor=1')
}

const growth = 4

/** It grows when more has survived than it holds. Takes a few milliseconds. */
function growYoung(): void {
  // At first one half of it is there; the other follows with the first collection.
  const enough = growth * youngBytes()
  const surviving: unknown[] = []
  while (surviving.length < mostArrays && youngBytes() < enough) {
    for (let n = 0; n < 16; n++) surviving.push(new Array(512).fill(n))
  }
}

/** Of 4 KiB each. More than are ever needed: a V8 that does not grow must not keep the agent from starting. */
const mostArrays = 4096

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0

/** How much garbage there may be beside what lives before it is collected, in percent of that; V8's own choice is up to 300. */
const garbagePercent = 15

export interface Pauses {
  /** For what the start leaves to be done: effects, first answers. */
  settleMs: number
  /** V8 makes the young generation as small as it was if little was allocated for 5 s (GCTracer::kThroughputTimeFrameMs, Heap::ReduceNewSpaceSize). */
  quietMs: number
}

/** Collects the garbage of the start and gives its memory back. Blocks for about 30 ms at 10,000 Services, once. */
export async function collectGarbageOfStart(
  signal: AbortSignal,
  { settleMs, quietMs }: Pauses = { settleMs: 1000, quietMs: 5500 },
): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${garbagePercent}`)
  try {
    await sleep(settleMs, undefined, { signal })
    collector()({ type: 'minor' })
    await sleep(quietMs, undefined, { signal })
  } catch {
    return
  }
  collectAndCompact()
  trimMalloc()
}

function collector(): (options?: { type: 'minor' | 'major' }) => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as ReturnType<typeof collector>
  setFlagsFromString('--no-expose-gc')
  return collect
}

/** What lives stands between garbage on nearly all pages: only where it is moved together do the pages become free. */
function collectAndCompact(): void {
  const collect = collector()
  setFlagsFromString('--compact-on-every-full-gc')
  collect()
  setFlagsFromString('--no-compact-on-every-full-gc')
}
