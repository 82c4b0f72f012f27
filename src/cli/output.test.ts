import { describe, expect, it } from 'vitest'
import { type Column, formatTable, type OutputFormat, paint, print, wantsColour } from './output.ts'

interface Row {
  name: string
  address?: string
  ready: number
}
const columns: Column<Row>[] = [
  { title: 'NAME', cell: (row) => row.name },
  { title: 'ADDRESS', cell: (row) => row.address },
  { title: 'READY', cell: (row) => row.ready, wide: true },
]
const rows: Row[] = [
  { name: 'node-1', address: '172.30.0.11', ready: 1 },
  { name: 'n', ready: 0 },
]

async function printed(value: Row | Row[], format: OutputFormat): Promise<string> {
  let text = ''
  const sink = { write: (chunk: string) => (text += chunk) }
  await print(value, { format, kind: 'Node', columns }, sink)
  return text
}

describe('formatTable', () => {
  it('aligns columns, names what is empty, and ends lines without spaces', () => {
    expect(formatTable(rows, columns)).toBe('NAME     ADDRESS\nnode-1   172.30.0.11\nn        <none>\n')
  })

  it('shows wide columns only when asked', () => {
    expect(formatTable(rows, columns, true).split('\n')[0]).toBe('NAME     ADDRESS       READY')
  })

  it('prints the headings alone where there are no rows', () => {
    expect(formatTable([], columns)).toBe('NAME   ADDRESS\n')
  })

  it('does not count colour as width', () => {
    const coloured: Column<Row>[] = [
      { title: 'A', cell: () => '\u001b[31mx\u001b[0m' },
      { title: 'B', cell: () => 'y' },
    ]
    expect(formatTable(rows.slice(0, 1), coloured)).toBe('A   B\n\u001b[31mx\u001b[0m   y\n')
  })
})

describe('print', () => {
  it('gives JSON its version and kind', async () => {
    expect(JSON.parse(await printed(rows[0]!, 'json'))).toEqual({
      apiVersion: 'weft.k3s.io/v1alpha1',
      kind: 'Node',
      ...rows[0],
    })
  })

  it('wraps a list', async () => {
    expect(JSON.parse(await printed(rows, 'json'))).toMatchObject({ kind: 'NodeList', items: rows })
  })

  it('prints the same document as YAML', async () => {
    expect(await printed(rows[1]!, 'yaml')).toBe('apiVersion: weft.k3s.io/v1alpha1\nkind: Node\nname: n\nready: 0\n')
  })
})

describe('wantsColour', () => {
  const terminal = { write: () => {}, isTTY: true }
  it.each([
    ['a terminal', terminal, {}, true],
    ['a pipe', { write: () => {} }, {}, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR, which counts as not set', terminal, { NO_COLOR: '' }, true],
    ['TERM=dumb', terminal, { TERM: 'dumb' }, false],
    ['FORCE_COLOR on a pipe', { write: () => {} }, { FORCE_COLOR: '1' }, true],
    ['NO_COLOR before FORCE_COLOR', terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ])('%s', (_, sink, env, expected) => {
    expect(wantsColour(sink, env)).toBe(expected)
  })

  it('leaves text alone where there is no colour', () => {
    expect(paint('text', 'red', { write: () => {} })).toBe('text')
  })
})
