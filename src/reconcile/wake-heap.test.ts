import fc from 'fast-check'
import { expect, it } from 'vitest'
import { WakeHeap } from './wake-heap.ts'

it('wakes everybody at the time that was set last, earliest first', () => {
  const step = fc.record({
    who: fc.integer({ min: 0, max: 12 }),
    at: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.integer({ min: 0, max: 50 }), (steps, now) => {
      const heap = new WakeHeap<number>()
      const model = new Map<number, number>()
      for (const { who, at } of steps) {
        heap.set(who, at)
        if (at === undefined) model.delete(who)
        else model.set(who, at)
        expect(heap.nextMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()))
        expect(heap.has(who)).toBe(model.has(who))
      }
      const woken = [...heap.due(now)]
      const times = woken.map((who) => model.get(who) as number)
      expect(times).toEqual([...times].sort((a, b) => a - b))
      expect(new Set(woken)).toEqual(new Set([...model].flatMap(([who, at]) => (at <= now ? [who] : []))))
      const rest = heap.clear()
      expect(rest.length + woken.length).toBe(model.size)
      expect(heap.nextMs).toBeUndefined()
    }),
  )
})
