import { Option } from 'commander'
import { type Flag, type FlagTable, supportedChoices } from '../config/flag.ts'

/** `cluster-cidr` as commander calls the option's value, `clusterCidr`. */
const attributeOf = (name: string): string => name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** What commander found of a table's flags, by their names. */
export const givenFlags = (table: FlagTable, options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.keys(table).map((name) => [name, options[attributeOf(name)]]))

/**
 * The options of a table of flags. They have no defaults here: only what was given counts against files. One that comes several times is handed on as a list. What
 * has no effect is taken, and not shown.
 */
export const configOptions = (table: FlagTable): Option[] =>
  Object.entries(table).map(([name, row]: [string, Flag]) => {
    const choices = supportedChoices(row)
    const said = [
      ...(choices !== undefined && choices.length > 1 ? [choices.join(', ')] : []),
      ...(row.default === undefined ? [] : [`default: ${row.default}`]),
    ]
    const help = said.length === 0 ? row.help : `${row.help} (${said.join('; ')})`
    const option = new Option(`${name === 'v' ? '-v, ' : ''}--${name} ${valueOf(name, row)}`, help)
    option.helpGroup(groups.find(([pattern]) => pattern.test(name))?.[1] ?? 'Services:')
    if (row.noEffect !== undefined) option.hideHelp()
    return option.argParser((text: string, before: unknown) => (before === undefined ? text : [before, text].flat()))
  })

/** Headings of the help; what is none of these is about Services. */
const groups: readonly (readonly [RegExp, string])[] = [
  [/^(config|kube-proxy-arg|kube-controller-manager-arg)$/, 'Files:'],
  [
    /^(kubeconfig|node-name|with-node-id|hostname-override|run-dir|cluster-cidr|service-c.*|flannel-.*)$/,
    'Cluster and node:',
  ],
  [/^(allocate-|node-cidr-)/, 'Pod CIDRs:'],
  [/^leader-elect/, 'Leader election:'],
  [/^(healthz|metrics|bind|oom)-/, 'Health, metrics and the process:'],
  [/^conntrack-/, 'Connection tracking:'],
]

const placeholders: Readonly<Partial<Record<string, string>>> = {
  config: '<file>',
  kubeconfig: '<file>',
  'run-dir': '<dir>',
  'node-name': '<name>',
  'kube-proxy-arg': '<name=value>',
  'kube-controller-manager-arg': '<name=value>',
}

function valueOf(name: string, { type, choices }: Flag): string {
  if (type === 'boolean') return '[true|false]'
  if (choices !== undefined) return '<mode>'
  const usual = { string: 'text', integer: 'number', bindAddress: 'address:port', texts: 'list' } as const
  return placeholders[name] ?? `<${type in usual ? usual[type as keyof typeof usual] : type}>`
}
