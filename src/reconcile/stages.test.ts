import { describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { change, perItem, started, subjectNames, web, written } from './reconciler.fixture.ts'
import { expectedOf, seenIn } from './toy-part.ts'

describe('stages of a target that is not transactional', () => {
  it('are batches of their own: additions ascending, then removals descending', async () => {
    const life = await started([['a', web]], perItem())
    await change(life, 'a', { ...web, version: 1 })
    expect(written(life.target)).toEqual([
      ['add endpoint 2.0=p1', 'add endpoint 2.1=p2'],
      ['add list 2=2'],
      ['delete address vip1=1', 'add address vip1=2'],
      ['delete list 1=2'],
      ['delete endpoint 1.0=p1', 'delete endpoint 1.1=p2'],
    ])
  })

  it('wait for what failed before them, in that subject only', async () => {
    const target = perItem()
    target.refusesItems.add('endpoint 1.1')
    const { reconciler, world } = await started(
      [
        ['a', web],
        ['b', { ...web, addresses: ['vip2'] }],
      ],
      target,
    )
    expect(target.items.has('endpoint 1.0')).toBe(true)
    expect(target.items.has('list 1')).toBe(false)
    expect(target.items.has('address vip1')).toBe(false)
    expect(target.items.get('address vip2')?.value).toBe('2')
    expect(reconciler.status()).toMatchObject({ failures: 1, failing: [{ subjects: ['a'] }], pending: 3 })
    target.refusesItems.clear()
    expect(await reconciler.audit()).toBe(0)
    reconciler.touch(world.keys())
    await eventually(async () => {
      await reconciler.flush()
      expect(reconciler.status()).toMatchObject({ failing: [], pending: 0 })
    })
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
  })

  it('wait for a shared item in every subject that wants it', async () => {
    const target = perItem()
    target.refusesItems.add('mark m1')
    const { reconciler } = await started(
      subjectNames.map((name) => [name, { ...web, addresses: [name] }] as const),
      target,
    )
    expect([...target.items.values()].map(({ kind }) => kind).filter((kind) => kind !== 'endpoint')).toEqual([])
    expect(reconciler.status().failing).toHaveLength(4)
  })
})
