import { describe, expect, it, vi } from 'vitest'
import { change, started, subjectNames, web, written } from './reconciler.fixture.ts'
import { expectedOf, seenIn, type Want } from './toy-part.ts'
import { ContainerLost } from './types.ts'

describe('epochs', () => {
  it('write the items of a lost container again, and only those', async () => {
    const { reconciler, target, world } = await started([['a', web]])
    target.lose('addresses')
    expect(await reconciler.audit()).toBe(1)
    expect(written(target)).toEqual([['add address vip1=1']])
    target.batches.length = 0
    target.lose()
    await reconciler.audit()
    expect(written(target)).toHaveLength(1)
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
    expect(reconciler.status()).toMatchObject({ epochs: 3, drift: 6, failures: 0 })
  })

  it('begin when a write finds the container gone, without bisection', async () => {
    const life = await started([['a', web]])
    life.target.lose('lists')
    const apply = vi.spyOn(life.target, 'apply')
    await change(life, 'a', { ...web, endpoints: ['p1', 'p3'] })
    expect(apply).toHaveBeenCalledTimes(2)
    expect(seenIn(life.target)).toEqual(expectedOf(life.world, Date.now()))
    expect(life.reconciler.status()).toMatchObject({ synced: true, failures: 0, epochs: 2 })
  })

  it('begin by the error alone, should the container be there again when it is looked for', async () => {
    const life = await started([['a', web]])
    const { target, world } = life
    const apply = target.apply.bind(target)
    target.apply = () => {
      for (const [id, { kind }] of target.items) if (kind !== 'address') target.items.delete(id)
      target.apply = apply
      throw new ContainerLost('no such table', ['lists', 'marks'])
    }
    await change(life, 'a', { ...web, endpoints: ['p1', 'p3'] })
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
    expect(life.reconciler.status()).toMatchObject({ failures: 0, drift: 4 })
  })

  it('may begin while an audit reads what was there before', async () => {
    const wants = subjectNames.map((subject, n): [string, Want] => [subject, { ...web, addresses: [`vip${n}`] }])
    const { reconciler, target, world } = await started(wants)
    const read = target.read.bind(target)
    target.read = async function* () {
      target.read = read
      let first = true
      for await (const piece of read()) {
        yield piece
        if (!first) continue
        first = false
        target.items.clear()
        reconciler.raiseEpoch('the link went down')
      }
    }
    await reconciler.audit()
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
    expect(reconciler.suspect).toBe(true)
  })

  it('may begin while a write is under way', async () => {
    const life = await started([['a', web]])
    const { reconciler, target, world } = life
    target.slow = true
    target.onBatch = () => {
      // Written, and not acknowledged yet.
      target.onBatch = () => {}
      target.items.clear()
      reconciler.raiseEpoch('the link went down')
    }
    await change(life, 'a', { ...web, endpoints: ['p3', 'p4'] })
    await reconciler.flush()
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
    expect(await reconciler.audit()).toBe(0)
  })
})
