import { describe, expect, it } from 'vitest'
import type { Report, Row } from '../lab/verify/index.ts'
import { reportText, wrap } from './lab-verify-text.ts'

const row = (change: Partial<Row>): Row => ({
  check: 'ClusterIP from node',
  what: 'shop/a-service-with-a-long-name:http 10.43.100.200:8080/TCP',
  group: 'shop/a-service-with-a-long-name:http 10.43.100.200:8080/TCP',
  from: 'node1',
  fromKind: 'node',
  tried: 4,
  cameBack: '3/3 endpoints, source 172.30.0.11 ×4',
  should: 'all of shop/a, shop/b, shop/c, source an address of node1',
  brief: 'all of 3 endpoints, source an address of node1',
  result: 'ok',
  ...change,
})

const report = (rows: Row[], causes: Report['causes'] = []): Report => ({
  lab: 'lab',
  rows,
  causes,
  counts: { ok: 0, mismatched: 0, notTried: 0, late: 0, tries: 0 },
  seconds: 1,
})

const broken = Array.from({ length: 6 }, (_, index) =>
  row({ from: `node${index}`, result: 'MISMATCH', cameBack: 'no answer ×3', cause: 0 }),
)
const omitted = row({ result: 'not tried', what: 'shop/x', should: 'headless: a name for DNS, no address', tried: 0 })

describe('reportText', () => {
  it.each([80, 100, 120, 200])('keeps within %i columns, and cuts nothing', (width) => {
    const cause = { what: 'Service shop/a-service-with-a-long-name', failed: 6, of: 6 }
    const text = reportText(report([row({}), ...broken, omitted], [cause]), width)
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(width)
    expect(text.replace(/\s/g, '')).toContain('headless:anameforDNS,noaddress')
  })

  it('breaks no address while there is another place to save', () => {
    const text = reportText(report([row({ what: 'shop/web:http 10.43.100.200:8080/TCP' })]), 100)
    expect(text).toContain('10.43.100.200:8080/TCP')
  })

  it('puts origins and expectations below in a narrow terminal, where that takes fewer lines', () => {
    const lines = reportText(report([row({ group: 'shop/web:http 10.43.100.200:8080/TCP' })]), 80).split('\n')
    expect(lines).toEqual([
      'RESULT  CHECK      WHAT                                  TRIED  CAME BACK',
      '        FROM → SHOULD',
      'ok      ClusterIP  shop/web:http 10.43.100.200:8080/TCP  4      1/1 ok',
      '        1 node → all of 3 endpoints, source an address of node1',
      '',
    ])
  })

  it('names the cause before its rows, and counts those that it does not show', () => {
    const cause = { what: 'Service shop/web on node2', failed: 6, of: 7 }
    const lines = reportText(report([row({}), ...broken], [cause]), 160).split('\n')
    const start = lines.indexOf('MISMATCH  Service shop/web on node2: 6 of 7 checks failed')
    expect(lines.slice(start + 1)).toEqual([
      ...broken
        .slice(0, 4)
        .flatMap(({ check, what, from, cameBack, should }) => [
          `  ${check}: ${what}, from ${from}`,
          `    came back: ${cameBack}`,
          `    should:    ${should}`,
        ]),
      '  and 2 more like these: -o wide shows every check',
      '',
    ])
  })

  it('is a table alone where all is well', () => {
    const lines = reportText(report([row({})]), 200).split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^RESULT  CHECK +WHAT +FROM +TRIED  CAME BACK  SHOULD$/)
    expect(lines[1]).toMatch(/^ok +ClusterIP +shop.* +1 node +4 +1\/1 ok +all of 3 endpoints/)
  })
})

describe('wrap', () => {
  it.each([
    ['', 5, ['']],
    ['one two three', 7, ['one two', 'three']],
    ['abcdefgh ij', 3, ['abc', 'def', 'gh', 'ij']],
    ['ab', -3, ['a', 'b']],
  ])('%j at %i', (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines)
  })
})
