import { judge, should } from './judge.ts'
import type { Trial } from './runner.ts'
import { type Check, checks, keyOf, type Omission, type Row } from './types.ts'

/** All that verify found. */
export interface Report {
  lab: string
  rows: readonly Row[]
  counts: Counts
  seconds: number
}

export interface Counts {
  ok: number
  mismatched: number
  notTried: number
  /** Held at the second attempt only; counted as ok too. */
  late: number
  /** Connections made and datagrams sent. */
  tries: number
}

/** Why there is nothing to try of a kind. */
const nothingToTry: Readonly<Record<Check, string>> = {
  'pod → pod': 'there are no two Ready pods with a declared port',
  'ClusterIP from pod': 'no Service with a cluster IP, or no Ready pod',
  'ClusterIP from node': 'no Service with a cluster IP',
  'ClusterIP from outside': 'no Service with a cluster IP',
  'NodePort from pod': 'no Service with a node port, or no Ready pod',
  'NodePort from node': 'no Service with a node port',
  'NodePort from outside': 'no Service with a node port',
  'unserved port': 'no Service with a cluster IP',
  'API by ClusterIP': 'there is no Service default/kubernetes with an endpoint',
}

/** What a report is made of. */
export interface Findings {
  lab: string
  trials: readonly Trial[]
  omissions: readonly Omission[]
  /** What came back at the first attempt, by key, for claims that were tried twice. */
  failedBefore?: ReadonlyMap<string, string>
  /** Time of the start by performance.now(). */
  started: number
}

export function reportOf({ lab, trials, omissions, failedBefore = new Map(), started }: Findings): Report {
  const rows = [...trials.map((trial) => rowOf(trial, failedBefore)), ...omissions.map(omittedRow)]
  const tried = new Set(rows.map(({ check }) => check))
  const empty = checks.filter((check) => !tried.has(check))
  rows.push(...empty.map((check) => omittedRow({ check, what: '', reason: nothingToTry[check] })))
  const sorted = sortRows(rows)
  const seconds = Math.round(performance.now() - started) / 1000
  return { lab, rows: sorted, counts: count(sorted), seconds }
}

function rowOf({ claim, observations }: Trial, failedBefore: ReadonlyMap<string, string>): Row {
  const { check, what, group, origin } = claim
  const verdict = judge(claim, observations)
  const row = {
    check,
    what,
    group,
    from: origin.name,
    tried: observations.length,
    ...verdict,
    brief: should(claim, false),
  }
  const before = failedBefore.get(keyOf(claim))
  return before === undefined ? row : { ...row, firstAttempt: before }
}

const omittedRow = ({ check, what, reason }: Omission): Row => ({
  check,
  what,
  group: what,
  from: '',
  tried: 0,
  cameBack: '',
  should: reason,
  result: 'not tried',
})

/** By kind of check, then as they came: by namespace and name. */
function sortRows(rows: readonly Row[]): Row[] {
  const rank = new Map<Row['check'], number>(checks.map((check, index) => [check, index]))
  const last = checks.length
  return [...rows].sort((a, b) => (rank.get(a.check) ?? last) - (rank.get(b.check) ?? last))
}

function count(rows: readonly Row[]): Counts {
  const counts: Counts = { ok: 0, mismatched: 0, notTried: 0, late: 0, tries: 0 }
  for (const { result, tried, firstAttempt } of rows) {
    if (result === 'ok' && firstAttempt !== undefined) counts.late += 1
    if (result === 'ok') counts.ok += 1
    else if (result === 'MISMATCH') counts.mismatched += 1
    else counts.notTried += 1
    counts.tries += tried
  }
  return counts
}

/**
 * Rows for a reader: one for each kind of check and Service that sums up what held, every mismatch in full after it, and what was not
 * tried.
 */
export function summarize(rows: readonly Row[]): Row[] {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const key = `${row.check}|${row.group}|${row.result === 'not tried'}`
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()].flatMap((group) => [...sumUp(group), ...group.filter(({ result }) => result !== 'ok')])
}

function sumUp(group: readonly Row[]): Row[] {
  const held = group.filter(({ result }) => result === 'ok')
  const [first] = held
  if (first === undefined) return []
  if (held.length === 1) return [{ ...first, should: first.brief ?? first.should }]
  return [
    {
      ...first,
      what: first.group,
      from: placesOf(held),
      tried: held.reduce((sum, { tried }) => sum + tried, 0),
      cameBack:
        held.length === group.length
          ? `${held.length} of ${group.length} as it should`
          : `${held.length} of ${group.length}; the others follow`,
      result: held.length === group.length ? 'ok' : 'MISMATCH',
      should: commonOf(held.map(({ brief, should }) => brief ?? should)),
    },
  ]
}

function placesOf(rows: readonly Row[]): string {
  const places = new Set(rows.map(({ from }) => from))
  const [only] = places
  return places.size === 1 && only !== undefined ? only : `${places.size} places`
}

/** What several expectations have in common: who answers is the same from everywhere, the source is not. */
function commonOf(texts: readonly string[]): string {
  const distinct = [...new Set(texts)]
  const [only = ''] = distinct
  if (distinct.length === 1) return only
  const who = new Set(distinct.map((text) => text.split(', source ')[0]))
  const [answers = ''] = who
  return who.size === 1 ? `${answers}, source by origin` : 'each as the objects say'
}
