import { cpus, release } from 'node:os'
import { Reconciler } from '../src/reconcile/reconciler.ts'
import { toyPart, World } from '../src/reconcile/toy-part.ts'
import { type Change, type FoundItem, itemId, type Target } from '../src/reconcile/types.ts'
import { percentiles } from './percentiles.ts'

export interface ReconcileBench {
  /** Numbers of items, ascending. */
  sizes: number[]
  changes: number
  json: boolean
}

interface Result {
  items: number
  subjects: number
  fullSyncSeconds: number
  changes: number
  changeP50Ms: number
  changeP99Ms: number
}

/** Items that a subject has: endpoints, one list and one address. */
const endpoints = 8
const itemsOf = endpoints + 2
const warmUp = 200
const rounds = 10

/** The reconciler alone, with a target that costs as little as one can: what remains is planning, claims, numbers and the difference. */
export async function benchReconcile({ sizes, changes, json }: ReconcileBench): Promise<void> {
  const contenders = []
  for (const size of sizes) contenders.push(await load(Math.ceil(size / itemsOf)))
  for (let round = 0; round < rounds; round++)
    for (const one of contenders) await one.measure(Math.ceil(changes / rounds))
  const results = contenders.map((one) => one.result())
  process.stdout.write(json ? `${JSON.stringify(results, null, 2)}\n` : table(results))
}

async function load(subjects: number) {
  const world = new World()
  for (let i = 0; i < subjects; i++) world.set(`s${i}`, want(i, 0))
  const reconciler = new Reconciler({ part: toyPart(world), target: new MapTarget() })
  const from = performance.now()
  await reconciler.start(world.keys())
  const fullSyncSeconds = (performance.now() - from) / 1000
  const times: number[] = []
  let version = 0
  const change = async (): Promise<number> => {
    const index = (++version * 7919) % subjects
    const at = performance.now()
    world.set(`s${index}`, want(index, version))
    reconciler.touch([`s${index}`])
    await reconciler.flush()
    return performance.now() - at
  }
  for (let n = 0; n < warmUp; n++) await change()
  return {
    measure: async (count: number) => {
      for (let n = 0; n < count; n++) times.push(await change())
    },
    result: (): Result => {
      const { items } = reconciler.status()
      return { items, subjects, fullSyncSeconds, changes: times.length, ...percentiles(times) }
    },
  }
}

const want = (index: number, version: number) => ({
  createdMs: index,
  addresses: [`a${index}`],
  marks: [],
  endpoints: Array.from({ length: endpoints }, (_, n) => `e${index}-${n === 0 ? version : 0}-${n}`),
})

/** Takes everything at once. */
class MapTarget implements Target {
  readonly #items = new Map<string, FoundItem>()

  async prepare(): Promise<'kept'> {
    return 'kept'
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    yield [...this.#items.values()]
  }

  apply(changes: readonly Change[]): void {
    for (const { op, item } of changes) {
      if (op === 'delete') this.#items.delete(itemId(item))
      else this.#items.set(itemId(item), item)
    }
  }

  async finish(): Promise<void> {}

  touchedByOthers(): boolean {
    return false
  }
}

function table(results: readonly Result[]): string {
  const lines = [
    `The reconciler alone; ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    ['ITEMS', 'SUBJECTS', 'FULL SYNC s', 'CHANGE p50 ms', 'CHANGE p99 ms'].map(pad).join(''),
    ...results.map((one) =>
      [one.items, one.subjects, one.fullSyncSeconds.toFixed(3), one.changeP50Ms.toFixed(4), one.changeP99Ms.toFixed(4)]
        .map(pad)
        .join(''),
    ),
  ]
  return `${lines.join('\n')}\n`
}

const pad = (cell: string | number): string => String(cell).padStart(15)
