import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import { agentFlags } from '../../src/config/agent-flags.ts'
import { controllerFlags } from '../../src/config/controller-flags.ts'

const root = join(import.meta.dirname, '../..')
const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const pages = [...markdown('.'), ...markdown('docs'), 'deploy/weft.service']
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Flags of others that stand without their program: kubectl's, K3s', and those of kube-proxy that are refused. */
const othersFlags = ['--as', '--as-group', '--since', '--data-dir', '--init-only', '--write-config-to']

function* optionsOf(command: Command): Generator<string> {
  for (const { long } of command.options) if (long) yield long
  for (const child of command.commands) yield* optionsOf(child)
}
const known = new Set([
  ...optionsOf(buildProgram(() => {})),
  ...[agentFlags, controllerFlags].flatMap((table) => Object.keys(table).map((name) => `--${name}`)),
  ...othersFlags,
  '--help',
])

/** Code in a line, and lines of code, that begin with a flag or call weft: other programs have flags of their own. */
const ownCode = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`|^ {4}(.+)$|^ExecStart=(.+)$/gm)]
    .map(([, ...code]) => code.join(''))
    .filter((code) => /^--|^(?:\S*\/)?weft /.test(code))

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

/** All source text, once. */
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(join('src', name)))
  .join('\n')

describe.each(pages)('%s', (page) => {
  const text = read(page)

  it('links to what is there', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    const dead = links.filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : relative(root, join(root, dirname(page), path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(dead).toEqual([])
  })

  it('names flags that there are', () => {
    // The benchmarks have flags of their own.
    const code = page === 'docs/benchmarks.md' ? [] : ownCode(text)
    const flags = code.flatMap((one) => one.match(/(?<![\w-])--[a-z][a-z0-9-]+(?![\w…-])/g) ?? [])
    expect(flags.filter((flag) => !known.has(flag))).toEqual([])
  })

  it('names files that there are', () => {
    const paths = text.match(/(?<![\w./-])(?:src|test|scripts|deploy|bench|examples|docs)\/[\w./-]*\w/g) ?? []
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it('names metrics and codes of errors that there are', () => {
    const metrics = text.match(/\bweft_(?:reconciler|api|controller)_[a-z_]+[a-z]\b/g) ?? []
    const names = metrics.map((metric) => metric.replace(/^weft_reconciler_/, '').replace(/_total$/, ''))
    const codes = text.match(/\b(?:CONFIG|API|LAB|AGENT)_[A-Z_]+[A-Z]\b/g) ?? []
    expect([...names, ...codes].filter((name) => !sources.includes(name))).toEqual([])
  })
})
