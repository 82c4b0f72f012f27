import { describe, expect, it } from 'vitest'
import { byKey, type PlannedChange } from './dry-run.ts'

const change = (op: PlannedChange['op'], key: string, value: string): PlannedChange => ({
  op,
  kind: 'sysctl',
  key,
  value,
  subject: `sysctl ${key}`,
})

describe('byKey', () => {
  it('shows another value as one change, whichever half comes first', () => {
    const row = { ...change('change', 'ip_forward', '0 → 1') }
    expect(byKey([change('delete', 'ip_forward', '0'), change('add', 'ip_forward', '1')])).toEqual([row])
    expect(byKey([change('add', 'ip_forward', '1'), change('delete', 'ip_forward', '0')])).toEqual([row])
  })

  it('leaves the others as they are, also keys of the same name of another kind', () => {
    const changes = [change('add', 'a', '1'), change('delete', 'b', '2'), { ...change('delete', 'a', '3'), kind: 'x' }]
    expect(byKey(changes)).toEqual(changes)
  })
})
