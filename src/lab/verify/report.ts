import { type Cause, causesOf } from './causes.ts'
import { checksOf } from './claim-sources.ts'
import { judge, should } from './judge.ts'
import type { Trial } from './runner.ts'
import { type Check, keyOf, type Omission, type Origin, type Row } from './types.ts'

/** All that verify found. */
export interface Report {
  lab: string
  /** Where pods asked each other in a sample only: what repeats it (`--seed`), and how large it was. */
  sample?: Sample
  rows: readonly Row[]
  /** What explains the mismatches, the most weighty first; `cause` of a row is an index into it. */
  causes: readonly Cause[]
  counts: Counts
  seconds: number
}

export interface Sample {
  seed: number
  /** Ready pods with a network of their own. */
  pods: number
  /** Checks that were made, of all kinds. */
  checks: number
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

/** What a report is made of. */
export interface Findings {
  lab: string
  sample?: Sample | undefined
  trials: readonly Trial[]
  omissions: readonly Omission[]
  /** What came back at the first attempt, by key, for claims that were tried twice. */
  failedBefore?: ReadonlyMap<string, string>
  /** Time of the start by performance.now(). */
  started: number
}

export function reportOf(findings: Findings): Report {
  const { lab, sample, trials, omissions, failedBefore = new Map(), started } = findings
  const { causes, of } = causesOf(trials)
  const kinds = checksOf()
  const rows = [
    ...trials.map((trial) => rowOf(trial, failedBefore, of.get(trial))),
    ...onceEach(omissions).map(omittedRow),
  ]
  const tried = new Set(rows.map(({ check }) => check))
  for (const [check, reason] of kinds) if (!tried.has(check)) rows.push(omittedRow({ check, what: '', reason }))
  const sorted = sortRows(rows, [...kinds.keys()])
  const seconds = Math.round(performance.now() - started) / 1000
  return { lab, ...(sample && { sample }), rows: sorted, causes, counts: count(sorted), seconds }
}

/** What is not tried of a Service's two families for one reason is said once. */
const onceEach = (omissions: readonly Omission[]): Omission[] => [
  ...new Map(omissions.map((one) => [`${one.check}|${one.what}|${one.reason}`, one])).values(),
]

function rowOf(
  { claim, observations }: Trial,
  failedBefore: ReadonlyMap<string, string>,
  cause: number | undefined,
): Row {
  const { check, what, group, origin } = claim
  const before = failedBefore.get(keyOf(claim))
  return {
    check,
    what,
    group,
    from: origin.name,
    fromKind: origin.kind,
    tried: observations.length,
    ...judge(claim, observations),
    brief: should(claim, false),
    ...(cause === undefined ? {} : { cause }),
    ...(before === undefined ? {} : { firstAttempt: before }),
  }
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
function sortRows(rows: readonly Row[], checks: readonly Check[]): Row[] {
  const rank = new Map(checks.map((check, index) => [check, index]))
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

/** What a reader gets to see first: one line for each kind of check and Service that sums up what was tried from everywhere. */
export function summarize(rows: readonly Row[]): Row[] {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    if (row.result === 'not tried') continue
    const key = `${kindOf(row)}|${row.group}`
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()].map(sumUp)
}

/** Mismatches by their cause, those of the first cause first. */
export const byCause = ({ rows, causes }: Report): { cause: Cause; rows: Row[] }[] =>
  causes.map((cause, index) => ({ cause, rows: rows.filter((row) => row.cause === index) }))

/** What was not tried: once for each kind of check, thing and reason. */
export function notTried(rows: readonly Row[]): Row[] {
  const omitted = rows.filter(({ result }) => result === 'not tried').map((row) => ({ ...row, check: kindOf(row) }))
  return [...new Map(omitted.map((row) => [`${row.check}|${row.what}|${row.should}`, row])).values()]
}

/** `ClusterIP from pod` → `ClusterIP`: where it was tried from has a column of its own. */
const kindOf = ({ check }: Row): string => check.replace(/ from (pod|node|outside)$/, '')

function sumUp(group: readonly Row[]): Row {
  const held = group.filter(({ result }) => result === 'ok')
  const [first] = group as [Row]
  return {
    check: kindOf(first),
    what: first.group,
    group: first.group,
    from: placesOf(group),
    tried: group.reduce((sum, { tried }) => sum + tried, 0),
    cameBack: `${held.length}/${group.length} ok`,
    result: held.length === group.length ? 'ok' : 'MISMATCH',
    should: commonOf(group.map(({ brief, should }) => brief ?? should)),
  }
}

function placesOf(rows: readonly Row[]): string {
  const names = (kind: Origin['kind']): string[] => [
    ...new Set(rows.filter(({ fromKind }) => fromKind === kind).map(({ from }) => from)),
  ]
  const [pods, nodes, outside] = [names('pod').length, names('node').length, names('outside').length]
  return [pods && plural(pods, 'pod'), nodes && plural(nodes, 'node'), outside && 'outside'].filter(Boolean).join(', ')
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** What several expectations have in common: who answers is mostly the same from everywhere, the source is not. */
function commonOf(texts: readonly string[]): string {
  const distinct = [...new Set(texts)]
  const [only = ''] = distinct
  if (distinct.length === 1) return only
  const who = new Set(distinct.map((text) => text.split(', source ')[0]))
  const [answers = ''] = who
  return who.size === 1 ? `${answers}, source by origin` : 'as the objects say, by origin'
}
