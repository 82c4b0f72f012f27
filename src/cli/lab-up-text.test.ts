import { expect, it } from 'vitest'
import { stepLines } from './lab-up-text.ts'

it('puts what commands show one below the other', () => {
  expect(
    stepLines([{ command: 'a' }, { command: 'bc', about: 'first' }, { command: 'defg', about: 'second' }]),
  ).toEqual(['  a', '  bc     # first', '  defg   # second'])
})

it('keeps within 120 columns where a command is long', () => {
  const about = 'real traffic for all that the cluster claims'
  const lines = stepLines([
    { command: 'x'.repeat(85), about: 'inside of a pod' },
    { command: 'bin/weft lab verify --name averylongnam', about },
  ])
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120)
  expect(lines[1]).toContain(`   # ${about}`)
})

it('says nothing of nothing', () => {
  expect(stepLines([])).toEqual([])
})
