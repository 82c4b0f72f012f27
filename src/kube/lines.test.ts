import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from './lines.ts'

function split(chunks: readonly Buffer[]): { lines: string[]; rest: string } {
  const splitter = new LineSplitter()
  const lines = chunks.flatMap((chunk) => [...splitter.push(chunk)].map((line) => line.toString('utf8')))
  return { lines, rest: splitter.rest().toString('utf8') }
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end))
}

describe('LineSplitter', () => {
  it('gives the same lines for any chunking', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'))
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), line, (lines, places, rest) => {
        const bytes = Buffer.from([...lines, rest].join('\n'))
        expect(split(cut(bytes, places))).toEqual({ lines: lines.filter((text) => text !== ''), rest })
      }),
    )
  })

  it('cuts within a character', () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n')
    const bytewise = [...bytes].map((byte) => Buffer.from([byte]))
    expect(split(bytewise)).toEqual({ lines: ['{"a":"ü€😀"}'], rest: '' })
  })

  it('counts what is pending and forgets it when asked', () => {
    const splitter = new LineSplitter()
    expect([...splitter.push(Buffer.from('ab\ncd'))].map(String)).toEqual(['ab'])
    expect(splitter.pendingBytes).toBe(2)
    expect(splitter.rest().toString()).toBe('cd')
    expect(splitter.pendingBytes).toBe(0)
  })
})
