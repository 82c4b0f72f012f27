import { expect, it } from 'vitest'
import { setKinds } from './kinds.ts'

it('everything in a table of ours is repaired at once, however often others take it back', () => {
  const kinds = [setKinds.IPv4, setKinds.IPv6].flatMap((byName) => Object.values(byName))
  expect(kinds.filter(({ ours }) => ours !== true)).toEqual([])
})
