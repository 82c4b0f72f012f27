import { type ChildProcess, spawn } from 'node:child_process'
import { cpus, release } from 'node:os'
import { next } from '../child.ts'
import { percentiles } from '../percentiles.ts'
import type { Loaded } from './in-process-worker.ts'

export interface InProcessBench {
  sizes: number[]
  endpoints: number
  /** Changes measured at each size, in rounds that take turns. */
  changes: number
  json: boolean
}

const rounds = 10

/** Full sync and one endpoint change, at several numbers of Services side by side: a change should cost the same at each. */
export async function benchInProcess({ sizes, endpoints, changes, json }: InProcessBench): Promise<void> {
  if (process.getuid?.() !== 0) {
    process.stderr.write('bench: network namespaces and nftables need root; run it as root\n')
    process.exitCode = 5
    return
  }
  const workers = []
  for (const services of sizes) {
    const child = startWorker(services, endpoints)
    workers.push({ services, child, loaded: await next<Loaded>(child), times: [] as number[] })
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { child, times } of workers) {
      child.send(Math.ceil(changes / rounds))
      const measured = await next<number[]>(child)
      // The first round warms the compiler up.
      if (round > 0) times.push(...measured)
    }
  }
  for (const { child } of workers) child.disconnect()
  const results = workers.map(({ services, loaded, times }) => {
    return { services, endpoints, ...loaded, changes: times.length, ...percentiles(times) }
  })
  process.stdout.write(json ? `${JSON.stringify(results, null, 2)}\n` : table(results))
}

function startWorker(services: number, endpoints: number): ChildProcess {
  const script = process.argv[1] ?? ''
  const args = [
    '--net',
    process.execPath,
    script,
    'proxy-worker',
    '--services',
    `${services}`,
    '--endpoints',
    `${endpoints}`,
  ]
  return spawn('unshare', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

type Result = Loaded & {
  services: number
  endpoints: number
  changes: number
  changeP50Ms: number
  changeP99Ms: number
}

function table(results: readonly Result[]): string {
  const lines = [
    `Services in nftables mode, objects fed in process; ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    [
      'SERVICES',
      'ITEMS',
      'FULL SYNC s',
      'ON CORE s',
      'CORELESS s',
      'TURN ms',
      'CHANGE p50 ms',
      'CHANGE p99 ms',
      'RSS MB',
    ]
      .map(pad)
      .join(''),
  ]
  for (const one of results) {
    const cells = [
      one.services,
      one.items,
      one.fullSyncSeconds.toFixed(3),
      one.fullSyncOnCoreSeconds.toFixed(3),
      one.fullSyncCorelessSeconds.toFixed(3),
      one.longestTurnMs.toFixed(1),
      one.changeP50Ms.toFixed(3),
      one.changeP99Ms.toFixed(3),
      one.residentMB,
    ]
    lines.push(cells.map(pad).join(''))
  }
  const [first, last] = [results[0], results.at(-1)]
  if (first && last && first !== last) {
    lines.push(
      `one change at ${last.services} Services takes ${(last.changeP50Ms / first.changeP50Ms).toFixed(2)} times what it takes at ${first.services} (p50)`,
    )
  }
  return `${lines.join('\n')}\n`
}

const pad = (cell: string | number): string => String(cell).padStart(15)
