import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter, LogPrinter, parseCriLine } from './cri-log.ts'

const line = (text: string): Buffer => Buffer.from(text)
const all = { follow: false, timestamps: false }

describe('a line of the CRI', () => {
  it('has a time, a stream, a tag and any text', () => {
    expect(parseCriLine(line('2026-01-31T10:00:00.123456789Z stdout F  two  blanks '))).toEqual({
      time: '2026-01-31T10:00:00.123456789Z',
      stream: 'stdout',
      partial: false,
      text: Buffer.from(' two  blanks '),
    })
    expect(parseCriLine(line('2026-01-31T10:00:00Z stderr P:more x'))).toMatchObject({
      partial: true,
      stream: 'stderr',
    })
    expect(parseCriLine(line('2026-01-31T10:00:00Z stdout F '))?.text).toEqual(Buffer.alloc(0))
  })

  it.each(['', 'x', '2026-01-31T10:00:00Z stdout', '2026-01-31T10:00:00Z stdin F x', 'now stdout F x'])(
    'is not %j',
    (text) => expect(parseCriLine(line(text))).toBeUndefined(),
  )

  it('is one or is none, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        parseCriLine(Buffer.from(noise))
      }),
    )
  })
})

describe('what is shown of a log', () => {
  const lines = [
    '2026-01-31T10:00:00Z stdout P on',
    '2026-01-31T10:00:01Z stdout F e',
    'cut off',
    '2026-01-31T10:00:02Z stderr F two',
  ].map(line)

  it('joins what was cut, and leaves out what is no line', () => {
    expect(new LogPrinter(all).print(lines).toString()).toBe('one\ntwo\n')
  })

  it('has the time once a line', () => {
    expect(new LogPrinter({ ...all, timestamps: true }).print(lines).toString()).toBe(
      '2026-01-31T10:00:00Z one\n2026-01-31T10:00:02Z two\n',
    )
  })

  it('begins at a time and ends at a size, over several pieces', () => {
    const printer = new LogPrinter({ ...all, sinceMs: Date.parse('2026-01-31T10:00:01Z'), limitBytes: 4 })
    expect(printer.print(lines.slice(0, 2)).toString()).toBe('e\n')
    expect(printer.isFull).toBe(false)
    expect(printer.print(lines.slice(2)).toString()).toBe('tw')
    expect(printer.isFull).toBe(true)
    expect(printer.print(lines)).toHaveLength(0)
  })
})

it('lines are the same however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', '\n', 'ü'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (text, size) => {
        const bytes = Buffer.from(`${text.join('')}\n`)
        const splitter = new LineSplitter()
        const lines: string[] = []
        for (let at = 0; at < bytes.length; at += size)
          lines.push(...splitter.push(bytes.subarray(at, at + size)).map(String))
        expect(lines).toEqual(text.join('').split('\n'))
      },
    ),
  )
})
