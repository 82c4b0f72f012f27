import { expect, it, vi } from 'vitest'
import { OwnTime } from './own-time.ts'

it('does not count the time in which it was not looked at', () => {
  let nowMs = 0
  const time = new OwnTime(() => nowMs)
  const onEnd = vi.fn()
  const end = time.after(250, onEnd)
  nowMs = 10_000
  time.tick()
  nowMs = 20_000
  time.tick()
  expect(onEnd).not.toHaveBeenCalled()
  nowMs += 40
  time.tick()
  expect(onEnd).not.toHaveBeenCalled()
  nowMs += 10
  time.tick()
  expect(onEnd).toHaveBeenCalledOnce()
  end()
})

it('is called off', () => {
  let nowMs = 0
  const time = new OwnTime(() => nowMs)
  const [first, second] = [vi.fn(), vi.fn()]
  const callOff = time.after(50, first)
  time.after(60, second)
  callOff()
  nowMs = 70
  time.tick()
  expect(first).not.toHaveBeenCalled()
  expect(second).toHaveBeenCalledOnce()
})

it('looks by itself, again and again', async () => {
  const time = new OwnTime()
  for (let round = 0; round < 2; round++) await new Promise<void>((resolve) => void time.after(60, resolve))
})
