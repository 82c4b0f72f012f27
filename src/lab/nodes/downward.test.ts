import { expect, it } from 'vitest'
import { parseQuantity } from './downward.ts'

it.each([
  ['1', 1],
  ['100m', 0.1],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['2k', 2000],
  ['1e3', 1000],
  ['1E', 1e18],
  ['much', 0],
])('the quantity %s is %d', (text, number) => {
  expect(parseQuantity(text)).toBeCloseTo(number)
})
