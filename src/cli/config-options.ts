import { Option } from 'commander'
import type { Flag, FlagTable } from '../config/flag.ts'

/** `cluster-cidr` as commander calls the option's value, `clusterCidr`. */
export const attributeOf = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/**
 * The options of a table of flags. They have no defaults here: only what was given counts against files. What has no effect is taken, and not shown.
 */
export const configOptions = (table: FlagTable): Option[] =>
  Object.entries(table).map(([name, row]: [string, Flag]) => {
    const among = row.choices === undefined ? '' : `: ${row.choices.join(', ')}`
    const usual = row.default === undefined ? '' : ` (default: ${row.default})`
    const option = new Option(`--${name} ${valueOf(name, row)}`, row.help + among + usual)
    if (row.noEffect !== undefined) option.hideHelp()
    if (repeated.has(name)) option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text])
    return option
  })

const repeated = new Set(['kube-proxy-arg', 'nodeport-addresses', 'ipvs-exclude-cidrs'])

const placeholders: Readonly<Partial<Record<string, string>>> = {
  config: '<file>',
  kubeconfig: '<file>',
  'run-dir': '<dir>',
  'node-name': '<name>',
  'kube-proxy-arg': '<name=value>',
}

function valueOf(name: string, { type, choices }: Flag): string {
  if (type === 'boolean') return '[true|false]'
  if (choices !== undefined) return '<mode>'
  const usual = { string: 'text', integer: 'number', bindAddress: 'address:port', texts: 'list' } as const
  return placeholders[name] ?? `<${type in usual ? usual[type as keyof typeof usual] : type}>`
}
