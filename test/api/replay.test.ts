import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type FileName, files, type Outcome, replay } from './replay.ts'

/** The share that has to match, by file. For errors: the status, and the words. */
const bars: Record<FileName, number> = {
  services: 0.95,
  'list-watch': 0.95,
  delete: 0.95,
  'crud-core': 0.85,
  'crud-apps': 0.85,
  'crud-other': 0.85,
  'crud-custom': 0.85,
  patches: 0.85,
  apply: 0.8,
  crd: 0.8,
  tables: 0.8,
  discovery: 0.8,
  errors: 0,
  reviews: 0,
}
const errorStatusBar = 0.9
const errorWordsBar = 0.5

const listFile = new URL('differences.json', import.meta.url)

/** What differs from a real server, by file and exchange, with the reason. */
type Differences = Partial<Record<FileName, Record<string, string>>>

const {
  REPLAY_REPORT: report,
  REPLAY_FILE: only,
  REPLAY_WRITE: write,
  REPLAY_ONLY: part,
  REPLAY_FULL: full,
} = process.env

const read = (): Differences => JSON.parse(readFileSync(listFile, 'utf8')) as Differences

const share = (outcomes: readonly Outcome[], holds: (outcome: Outcome) => boolean): number =>
  outcomes.filter(holds).length / outcomes.length

const matched = (outcome: Outcome): boolean => outcome.differences.length === 0

const linesShown = 6

function print(file: FileName, outcomes: readonly Outcome[]): void {
  for (const { name, differences } of outcomes) {
    if (differences.length === 0 || (part !== undefined && !name.includes(part))) continue
    console.log(`${file} ${name}`)
    for (const line of full ? differences : differences.slice(0, linesShown)) console.log(`    ${line}`)
  }
  const failures = outcomes.filter(({ sameWords }) => !sameWords).length
  const wrongStatus = outcomes.filter(({ sameStatus }) => !sameStatus).length
  console.log(
    `${file}: ${outcomes.filter(matched).length} of ${outcomes.length} match (${(100 * share(outcomes, matched)).toFixed(1)} %), other status ${wrongStatus}, other words ${failures}`,
  )
}

describe.concurrent('answers as a real API server gave them', () => {
  for (const file of files.filter((one) => only === undefined || only.split(',').includes(one)))
    it(file, { timeout: 120_000 }, async () => {
      const outcomes = await replay(file)
      if (report) return print(file, outcomes)
      const names = outcomes.filter((outcome) => !matched(outcome)).map(({ name }) => name)
      const listed = read()
      if (write) {
        const reasons = listed[file] ?? {}
        const next = { ...listed, [file]: Object.fromEntries(names.map((name) => [name, reasons[name] ?? ''])) }
        writeFileSync(listFile, `${JSON.stringify(next, null, 2)}\n`)
        return
      }
      expect(Object.keys(listed[file] ?? {}).sort()).toEqual([...new Set(names)].sort())
      expect(Object.entries(listed[file] ?? {}).filter(([, reason]) => reason.length < 10)).toEqual([])
      expect(share(outcomes, matched)).toBeGreaterThanOrEqual(bars[file])
      if (file !== 'errors') return
      expect(share(outcomes, ({ sameStatus }) => sameStatus)).toBeGreaterThanOrEqual(errorStatusBar)
      expect(share(outcomes, ({ sameWords }) => sameWords)).toBeGreaterThanOrEqual(errorWordsBar)
    })
})
