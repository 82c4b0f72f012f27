import { describe, expect, it } from 'vitest'
import { deleteOptions, listOptions, numberOf } from './options.ts'

const query = (text: string): URLSearchParams => new URLSearchParams(text)

describe('numbers of a query', () => {
  it.each([
    ['1', 1],
    ['-7', -7],
    ['+7', 7],
    ['9007199254740992', 2 ** 53],
    ['', undefined],
  ])('%j is %s', (text, value) => {
    expect(numberOf(text)).toBe(value)
  })

  it.each([
    ['x', 'invalid syntax'],
    ['1.5', 'invalid syntax'],
    ['1e3', 'invalid syntax'],
    ['9223372036854775808', 'value out of range'],
    ['9'.repeat(400), 'value out of range'],
    [`-${'9'.repeat(400)}`, 'value out of range'],
  ])('%j is none: %s', (text, why) => {
    expect(() => numberOf(text)).toThrow(`strconv.ParseInt: parsing "${text}": ${why}`)
  })

  it.each(['18446744073709551616', '9'.repeat(400)])('%s is no version', (text) => {
    expect(() => listOptions(query(`resourceVersion=${text}`), false)).toThrow('value out of range')
  })
})

describe('options of a DELETE', () => {
  it('are those of the body before those of the query; null is nothing', () => {
    const body = { kind: null, gracePeriodSeconds: 5, propagationPolicy: null, preconditions: null }
    expect(deleteOptions(query('gracePeriodSeconds=7&propagationPolicy=Orphan'), body)).toEqual({
      gracePeriodSeconds: 5,
      propagationPolicy: 'Orphan',
      preconditions: {},
    })
    expect(() => deleteOptions(query(''), { kind: 'Pod', apiVersion: 'v1' })).toThrow(
      'no kind "Pod" is registered for version "v1"',
    )
  })
})
