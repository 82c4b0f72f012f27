import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseManifest, readManifests } from './manifests.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-manifests-'))
afterAll(() => rmSync(directory, { recursive: true }))

const names = (documents: ReturnType<typeof parseManifest>) => documents.map(({ object }) => object.metadata.name)

describe('parseManifest', () => {
  it('reads several documents and skips empty ones', () => {
    const text = `---
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
---
# nothing here
---
apiVersion: v1
kind: ConfigMap
metadata: { name: b }
`
    const documents = parseManifest('f.yaml', text)
    expect(names(documents)).toEqual(['a', 'b'])
    expect(documents.map(({ line }) => line)).toEqual([2, 8])
  })

  it('unfolds lists', () => {
    const item = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    const list = { apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] }
    expect(names(parseManifest('f.json', JSON.stringify(list)))).toEqual(['a', 'b'])
  })

  it('reads YAML 1.1 as kubectl does', () => {
    const [first] = parseManifest(
      'f.yaml',
      'apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {flag: yes, mode: 0644, ratio: 1.5}',
    )
    expect(first?.object['spec']).toEqual({ flag: true, mode: 420, ratio: 1.5 })
  })

  it.each([
    ['kind is missing', 'apiVersion: v1\nmetadata: {name: a}'],
    ['apiVersion is missing', 'kind: Pod\nmetadata: {name: a}'],
    ['metadata of this Pod is missing', 'apiVersion: v1\nkind: Pod'],
    ['this Pod has no metadata.name', 'apiVersion: v1\nkind: Pod\nmetadata: {}'],
    ['this is not an object', 'hello'],
  ])('says that %s', (reason, text) => {
    expect(() => parseManifest('f.yaml', text)).toThrow(`f.yaml:1: ${reason}`)
  })

  it('names the place of a syntax error', () => {
    expect(() => parseManifest('f.yaml', 'a: [1\nb: 2')).toThrow(/^f\.yaml:2: .*must be sufficiently indented/)
    const second = 'apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n# a comment\napiVersion: v1\n'
    expect(() => parseManifest('f.yaml', second)).toThrow('f.yaml:6: kind is missing')
  })
})

describe('readManifests', () => {
  it('reads a directory in order of name, Namespaces first', () => {
    const write = (file: string, kind: string, name: string) =>
      writeFileSync(join(directory, file), `apiVersion: v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`)
    write('b.yaml', 'Namespace', 'shop')
    write('a.yml', 'ConfigMap', 'first')
    write('c.json', 'ConfigMap', 'last')
    writeFileSync(join(directory, 'README.md'), 'no manifest')
    expect(names(readManifests([directory]))).toEqual(['shop', 'first', 'last'])
  })

  it('says what cannot be read', () => {
    expect(() => readManifests(['/nowhere.yaml'])).toThrow(
      'cannot read /nowhere.yaml: there is no such file or directory',
    )
  })

  it('says where there is nothing', () => {
    const file = join(directory, 'empty')
    writeFileSync(file, '# nothing but a comment\n---\n')
    expect(() => readManifests([file])).toThrow(`there is no object in ${file}`)
  })
})
