import { describe, expect, it, vi } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ObjectStore } from '../kube/store.ts'
import { FakeTarget } from '../reconcile/fake-target.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import type { Part } from '../reconcile/types.ts'
import { runPart } from './run-part.ts'

/** Each object wants one thing under its name. */
const partOf = (store: ObjectStore<string>): Part => ({
  name: 'toy',
  kinds: { thing: { stage: 0 } },
  plan: (subject) => {
    const value = store.get(subject)
    const items = value === undefined ? [] : [{ kind: 'thing', key: subject, value }]
    return { items, rank: { gone: value === undefined, createdMs: 0, name: subject } }
  },
  learn: () => [],
  ownerOf: ({ key }) => key,
})

describe('runPart', () => {
  it('misses nothing that changes while the first write is under way', async () => {
    const store = new ObjectStore<string>()
    store.replaceAll([
      ['a', '1'],
      ['b', '1'],
    ])
    await new Promise((resolve) => setImmediate(resolve))
    const target = new FakeTarget(['thing'])
    const reconciler = new Reconciler({ part: partOf(store), target })
    const apply = target.apply.bind(target)
    vi.spyOn(target, 'apply').mockImplementationOnce((changes) => {
      // A watch event in the middle of the write: one goes, the other changes.
      store.delete('a')
      store.set('b', '2')
      return apply(changes)
    })
    const part = {
      reconciler,
      start: () => reconciler.start(store.keys()),
      dryRun: async () => [],
      follow: (touch: (subjects: Iterable<string>) => void) => store.onChange((changes) => touch(changes.keys())),
    }
    const running = runPart(part, () => {})
    await running.started
    await eventually(() => {
      expect([...target.items.values()].map(({ key, value }) => `${key} ${value}`)).toEqual(['b 2'])
    })
    running.stop()
  })

  it('notes a run that broke off, until one ends well, and no audit that did', async () => {
    const target = new FakeTarget(['thing'])
    const store = new ObjectStore<string>()
    const reconciler = new Reconciler({ part: partOf(store), target })
    const part = { reconciler, start: () => reconciler.start([]), dryRun: async () => [], follow: () => () => {} }
    const logged: string[] = []
    const running = runPart(part, (_, message) => void logged.push(message))
    await running.started
    const stumbled = vi.spyOn(running.progress, 'stumbled')
    const ran = vi.spyOn(running.progress, 'ran')
    const reading = vi.spyOn(target, 'read').mockImplementationOnce(() => {
      throw new Error('EINTR')
    })
    const touchedByOthers = vi.spyOn(target, 'touchedByOthers').mockReturnValueOnce(true)
    await eventually(() => expect(logged).toContain('the reconciler stumbled; it goes on'))
    expect(stumbled).not.toHaveBeenCalled()
    reading.mockRestore()
    touchedByOthers.mockRestore()
    const prepare = vi.spyOn(target, 'prepare').mockRejectedValue(new Error('ENOMEM'))
    reconciler.raiseEpoch('somebody took it away')
    await eventually(() => expect(stumbled).toHaveBeenCalled())
    ran.mockClear()
    prepare.mockRestore()
    await eventually(() => expect(ran).toHaveBeenCalled())
    running.stop()
  })
})
