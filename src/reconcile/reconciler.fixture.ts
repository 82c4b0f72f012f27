import { FakeTarget } from './fake-target.ts'
import { Reconciler, type ReconcilerOptions } from './reconciler.ts'
import { toyContainers, toyOwned, toyPart, type Want, World } from './toy-part.ts'
import { itemId } from './types.ts'

export const subjectNames = ['a', 'b', 'c', 'd']
export const web: Want = { createdMs: 1, addresses: ['vip1'], endpoints: ['p1', 'p2'], marks: ['m1'] }

export interface Started {
  reconciler: Reconciler
  target: FakeTarget
  world: World
}

export async function started(
  wants: Iterable<readonly [string, Want]>,
  target = new FakeTarget(toyOwned, { containers: toyContainers }),
  options: Partial<ReconcilerOptions> = {},
): Promise<Started> {
  const world = new World(wants)
  const reconciler = new Reconciler({ part: toyPart(world), target, ...options })
  await reconciler.start(world.keys())
  await reconciler.effectsIdle()
  target.batches.length = 0
  return { reconciler, target, world }
}

export const perItem = (): FakeTarget => new FakeTarget(toyOwned, { containers: toyContainers, transactional: false })

/** Sets what a subject wants (nothing: it is gone), and writes that. */
export async function change({ reconciler, world }: Started, subject: string, want?: Want): Promise<void> {
  if (want === undefined) world.delete(subject)
  else world.set(subject, want)
  reconciler.touch([subject])
  await reconciler.flush()
}

export const written = (target: FakeTarget): string[][] =>
  target.batches.map((batch) => batch.map(({ op, item }) => `${op} ${itemId(item)}=${item.value}`))
