import { describe, expect, it } from 'vitest'
import { NeighbourGate, neighbourCounts } from './neighbours.ts'

describe('neighbourCounts', () => {
  it('reads what the kernel prints: entries once, allocations of every processor', () => {
    const text = [
      'entries  allocs   destroys hash_grows table_fulls',
      '0000001f 00000010 0000000a 00000005   00000001',
      '0000001f 00000020 0000000b 00000003   00000000',
    ].join('\n')
    expect(neighbourCounts(text)).toEqual({ entries: 31, made: 48 })
    expect(neighbourCounts('')).toEqual({ entries: 0, made: 0 })
  })
})

describe('NeighbourGate', () => {
  const gateOf = (limit: number) => {
    const state = { now: 0, entries: 0, made: 0 }
    const read = () => ({ entries: state.entries, made: state.made })
    return { state, gate: new NeighbourGate([{ limit, read }], () => state.now) }
  }

  it('is open while the table is less than half full, whatever is made', () => {
    const { gate, state } = gateOf(1_000)
    expect(gate.isOpen()).toBe(true)
    Object.assign(state, { now: 1_000, entries: 499, made: 5_000 })
    expect(gate.isOpen()).toBe(true)
  })

  it('closes when too much of a full table is young, and opens as it ages', () => {
    const { gate, state } = gateOf(1_000)
    gate.isOpen()
    Object.assign(state, { now: 1_000, entries: 700, made: 650 })
    expect(gate.isOpen()).toBe(false)
    state.now = 4_900
    expect(gate.isOpen()).toBe(false)
    state.now = 6_000
    expect(gate.isOpen()).toBe(true)
  })

  it('is open where there is no table to look at', () => {
    expect(new NeighbourGate([], () => 0).isOpen()).toBe(true)
  })
})
