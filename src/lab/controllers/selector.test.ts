import { describe, expect, it } from 'vitest'
import { labelAt, matchesExpression, matchesLabels } from './selector.ts'

describe('labels named as what every object of JavaScript has', () => {
  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])('%s', (key) => {
    const set = { [key]: 'a' }
    expect([labelAt({}, key), labelAt(undefined, key), labelAt(set, key)]).toEqual([undefined, undefined, 'a'])
    expect([matchesLabels(set, {}), matchesLabels(set, set)]).toEqual([false, true])
    const expressions = [
      { key, operator: 'Exists' },
      { key, operator: 'DoesNotExist' },
      { key, operator: 'In', values: ['a'] },
      { key, operator: 'NotIn', values: ['a'] },
    ]
    expect(expressions.map((one) => matchesExpression(one, {}))).toEqual([false, true, false, true])
    expect(expressions.map((one) => matchesExpression(one, set))).toEqual([true, false, true, false])
  })
})
