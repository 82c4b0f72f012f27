import { describe, expect, it } from 'vitest'
import { tableFulls } from './neighbour-table.ts'

describe('tableFulls', () => {
  it('adds up the column over the processors', () => {
    const text = `entries  allocs   unresolved_discards table_fulls\n00000421 00000b3d 00000000            00000bdb\n00000421 00000b3c 00000000            00000010\n`
    expect(tableFulls(text)).toBe(0xbdb + 0x10)
  })

  it.each(['', 'entries allocs\n1 2\n', 'garbage'])('is 0 where there is no such column: %j', (text) => {
    expect(tableFulls(text)).toBe(0)
  })
})
