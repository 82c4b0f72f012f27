import { expect, it } from 'vitest'
import { stepLines, waitingText } from './lab-up-text.ts'

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

it.each([20, 60])('puts what commands show above them where %i columns are too few', (width) => {
  const about = 'real traffic for all that the cluster claims'
  expect(stepLines([{ command: 'first' }, { command: 'x'.repeat(30), about }, { command: 'y', about }], width)).toEqual(
    ['  first', `  # ${about}`, `  ${'x'.repeat(30)}`, `  # ${about}`, '  y'],
  )
})

it('says nothing of nothing', () => {
  expect(stepLines([])).toEqual([])
})

it('breaks what is waited for at spaces, in a terminal alone', () => {
  const missing = ['Pod shop/a: Pending', 'Pod shop/b: Pending']
  expect(waitingText(missing)).toBe('… waiting for Pod shop/a: Pending; Pod shop/b: Pending')
  expect(waitingText(missing, 40)).toBe('… waiting for Pod shop/a: Pending; Pod\n  shop/b: Pending')
})
