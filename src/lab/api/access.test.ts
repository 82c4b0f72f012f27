import fc from 'fast-check'
import { expect, it } from 'vitest'
import { copyJson } from './access.ts'

it('copies JSON to its depth, strange keys included', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      const copy = copyJson(value)
      expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
      expect(copy).toEqual(value)
    }),
  )
  const strange = JSON.parse('{"__proto__":{"a":[{}]},"constructor":1}') as object
  const copy = copyJson(strange)
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  expect(JSON.stringify(copy)).toBe(JSON.stringify(strange))
  const [inner, same] = [strange, copy].map((one) => Object.getOwnPropertyDescriptor(one, '__proto__')?.value as object)
  expect(inner === same).toBe(false)
})
