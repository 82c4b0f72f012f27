import { describe, expect, it } from 'vitest'
import { add, conformanceSets, contents, remove } from './conformance.ts'
import { FakeNftTable } from './fake.ts'

const make = (): FakeNftTable => new FakeNftTable({ family: 'ip', name: 't', sets: conformanceSets })

describe('what tests can make the fake table do', () => {
  it('fails once on order', () => {
    const table = make()
    table.failNext('EAGAIN', [1])
    expect(() => table.apply([add('ports', '1'), add('ports', '2')])).toThrow(
      expect.objectContaining({ errnoName: 'EAGAIN', failed: [1] }),
    )
    table.apply([add('ports', '1')])
    expect(table.elements('ports').size).toBe(1)
    expect(table.applied).toEqual([[add('ports', '1')]])
  })

  it('refuses chosen changes until told otherwise', () => {
    const table = make()
    table.refuse(({ element }) => (element.key === '2' ? 'ENOMEM' : undefined))
    expect(() => table.apply([add('ports', '1'), add('ports', '2')])).toThrow(
      expect.objectContaining({ errnoName: 'ENOMEM', failed: [1] }),
    )
    expect(table.elements('ports').size).toBe(0)
    table.refuse(undefined)
    table.apply([add('ports', '2')])
  })

  it('is changed, flushed and deleted by others, each a generation', async () => {
    const table = make()
    const start = table.generation
    table.foreign([add('ports', '1'), add('lists', '1', '1')])
    expect(await contents(table, 'ports')).toHaveLength(1)
    table.foreign([remove('ports', '1')])
    table.flush('lists')
    table.remove()
    expect(table.info()).toEqual({ exists: false })
    table.restore('layout 2', new Map([['a', 1]]))
    expect(table.generation).toBe(start + 5)
    expect(table.info()).toEqual({ exists: true, comment: 'layout 2' })
    expect(table.chains()).toEqual(new Map([['a', 1]]))
    expect(table.applied).toEqual([])
  })
})
