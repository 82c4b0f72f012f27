import { describe, expect, it } from 'vitest'
import { checksOf } from './claim-sources.ts'
import { byCause, notTried, reportOf, summarize } from './report.ts'
import { planRetries } from './retries.ts'
import { endpoint, expectAll, lab, objects, pod, reply, service, slice } from './testing.ts'
import { keyOf, type Row } from './types.ts'

const a = pod('a', '10.42.0.5')
const given = objects({ pods: [a], services: [service()], slices: [slice([endpoint(a)])] })
const { claims, omissions } = expectAll(given, lab)
const fromNode = claims.filter(({ check }) => check === 'ClusterIP from node')
const [node1, node2] = fromNode as [(typeof claims)[number], (typeof claims)[number]]
const held = { claim: node1, observations: Array.from({ length: 4 }, () => reply(a, '10.42.0.1')) }
const broken = { claim: node2, observations: [{ outcome: 'timeout' }] as const }
const report = (trials: Parameters<typeof reportOf>[0]['trials'], failedBefore = new Map<string, string>()) =>
  reportOf({ lab: 'lab', trials, omissions, failedBefore, started: performance.now() })

const row = (change: Partial<Row>): Row => ({
  check: 'ClusterIP from node',
  what: 'w',
  group: 'g',
  from: 'node-1',
  fromKind: 'node',
  tried: 4,
  cameBack: 'x',
  should: 'all of a, source s',
  result: 'ok',
  ...change,
})

describe('reportOf', () => {
  it('counts', () => {
    const { counts } = report([held, broken])
    expect(counts).toMatchObject({ ok: 1, mismatched: 1, tries: 5, late: 0 })
  })

  it('has a row for every kind of check, in their order', () => {
    const rows = report([held]).rows.map(({ check }) => check)
    expect([...new Set(rows)]).toEqual([...checksOf().keys()])
    expect(report([]).rows.every(({ result, should }) => result === 'not tried' && should !== '')).toBe(true)
  })

  it('keeps what came back first where it took a second attempt', () => {
    const { rows, counts } = report([held], new Map([[keyOf(node1), 'no answer']]))
    expect(rows.find(({ from }) => from === 'node-1')).toMatchObject({ result: 'ok', firstAttempt: 'no answer' })
    expect(counts.late).toBe(1)
  })
})

describe('summarize', () => {
  it('makes one line of what was tried of one Service from everywhere', () => {
    const rows = [
      row({}),
      row({ from: 'node-2', should: 'all of a, source t' }),
      row({ check: 'ClusterIP from outside', from: 'outside', fromKind: 'outside' }),
      row({ result: 'not tried' }),
    ]
    const { fromKind: _, ...summed } = row({ check: 'ClusterIP', what: 'g', from: '2 nodes, outside', tried: 12 })
    expect(summarize(rows)).toEqual([{ ...summed, cameBack: '3/3 ok', should: 'all of a, source by origin' }])
  })

  it('counts what held where something did not', () => {
    const shown = summarize([row({}), row({ from: 'node-3', result: 'MISMATCH', cameBack: 'no answer' })])
    expect(shown).toMatchObject([{ cameBack: '1/2 ok', result: 'MISMATCH' }])
  })
})

describe('notTried', () => {
  it('says a thing once', () => {
    const omitted = row({ result: 'not tried', what: '', should: 'no Service' })
    const rows = [row({}), omitted, { ...omitted, check: 'ClusterIP from pod' }, { ...omitted, what: 'x' }]
    expect(notTried(rows).map(({ check, what }) => `${check}|${what}`)).toEqual(['ClusterIP|', 'ClusterIP|x'])
  })
})

describe('byCause', () => {
  it('has the mismatches of each cause', () => {
    const found = byCause(report([held, broken]))
    expect(found.map(({ cause, rows }) => [cause, rows.map(({ from }) => from)])).toEqual([
      [{ what: 'Service default/web on node-2', failed: 1, of: 1 }, ['node-2']],
    ])
  })
})

describe('planRetries', () => {
  it('makes all tries the second time', () => {
    const { claims: again } = planRetries([{ claim: node1 }], { claims, omissions })
    expect(again).toEqual([{ ...node1, tries: { most: node1.tries.most, least: node1.tries.most } }])
  })

  it('lets others of the Service stand in for a claim that is gone', () => {
    const { claims: again } = planRetries([{ claim: node1 }], { claims: [node2], omissions: [] })
    expect(again.map(keyOf)).toEqual([keyOf(node2)])
  })

  it('says so where nothing is left to try', () => {
    const plan = planRetries([{ claim: node1 }], { claims: [], omissions: [] })
    expect(plan.claims).toEqual([])
    expect(plan.omissions).toMatchObject([
      { check: 'ClusterIP from node', reason: expect.stringContaining('it failed') },
    ])
  })
})
