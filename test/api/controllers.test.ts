import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { recordings, replay } from './controllers-replay.ts'

/** Steps in which ours differs from the real one, with the reason: `deployment/paused`. */
const known: Record<string, string> = JSON.parse(
  readFileSync(new URL('controller-differences.json', import.meta.url), 'utf8'),
)

const results = new Map(recordings.flatMap((name) => [...replay(name)]))

describe('what controllers of a real cluster did', () => {
  it.each([...results].filter(([step]) => known[step] === undefined))('ours do: %s', (_step, lines) => {
    expect(lines.join('\n')).toBe('')
  })

  it('the list of differences has no step that agrees', () => {
    expect(Object.keys(known).filter((step) => (results.get(step) ?? []).length === 0)).toEqual([])
  })

  it('is replayed whole, and 95 % of the steps agree', () => {
    const agreeing = [...results.values()].filter((lines) => lines.length === 0).length
    expect(results.size).toBe(62)
    expect(agreeing / results.size).toBeGreaterThanOrEqual(0.95)
  })
})
