import { describe, expect, it } from 'vitest'
import { matchesLabels, parseLabelSelector, selectorText } from './label-selectors.ts'

const objects = {
  a: { tier: 'web', env: 'dev' },
  b: { tier: 'web', env: 'prod' },
  c: { tier: 'db' },
  d: {},
  e: { tier: '' },
  f: { tier: '7' },
}

const selected = (text: string): string =>
  Object.entries(objects)
    .filter(([, labels]) => matchesLabels(parseLabelSelector(text), labels))
    .map(([name]) => name)
    .join('')

describe('labelSelector', () => {
  it.each([
    ['tier=web', 'ab'],
    ['tier == web', 'ab'],
    ['tier!=web', 'cdef'],
    ['tier in (web, db)', 'abc'],
    ['tier notin (web)', 'cdef'],
    ['tier', 'abcef'],
    ['!tier', 'd'],
    ['tier=web,env!=prod', 'a'],
    ['tier=', 'e'],
    ['tier>5', 'f'],
    ['tier<5', ''],
    ['', 'abcdef'],
  ])('%s', (text, names) => {
    expect(selected(text)).toBe(names)
  })

  it.each([
    ['tier in web', "unable to parse requirement: found 'web' expected: '('"],
    ['a b=c', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b c d', "found 'c', expected: ',' or 'end of string'"],
  ])('refuses %s', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message)
  })

  it('is written as kubectl reads it', () => {
    const matchExpressions = [
      { key: 'a', operator: 'In', values: ['y', 'x'] },
      { key: 'b', operator: 'DoesNotExist' },
    ]
    expect(selectorText({ matchLabels: { app: 'web' }, matchExpressions })).toBe('app=web,a in (x,y),!b')
  })
})
