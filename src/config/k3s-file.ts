import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { argumentName } from './arguments.ts'
import { type Flag, type FlagTable, isList } from './flag.ts'
import { flagPlace, type Place } from './mistake.ts'
import { typoOf } from './nearest.ts'
import type { FileSettings, Setting } from './resolve.ts'
import { type Entry, readEntries, unreadable } from './yaml-file.ts'

interface Value {
  value: unknown
  file: string
}

/**
 * K3s' rules (docs.k3s.io, "Configuration File"; pkg/configfilearg/parser.go): the files of `FILE.d` come after the file itself, in the order of their names; the file may be missing
 * where there are some. The last value of a key counts, `key+` appends to what is there. Keys of K3s that the agent has no use for are passed over; one that looks like a
 * key of ours is told.
 *
 * @param base entries of the file itself; undefined: it is not there
 */
export async function k3sSettings(
  file: string,
  base: readonly Entry[] | undefined,
  table: FlagTable,
  named: Place,
): Promise<FileSettings> {
  const others = dropIns(`${file}.d`)
  if (base === undefined && others.length === 0)
    throw unreadable(file, named, new Error(`ENOENT: no such file or directory, open '${file}'`))
  const merged = new Map<string, Value[]>()
  merge(merged, file, base ?? [])
  for (const other of others) merge(merged, other, (await readEntries(other, { named })) ?? [])
  const result: FileSettings = { settings: [], notes: [] }
  const keys = Object.entries(table).flatMap(([name, { of }]) => (isKey(of) ? [name] : []))
  for (const [name, values] of merged) {
    if (keys.includes(name)) result.settings.push(...settingsOf(table, name, values))
    else if (!k3sKeys.has(name)) result.notes.push(...looksLike(name, values, keys))
  }
  return result
}

/** What is wrong for us is right for K3s, which has read it, and may change the cluster where it is changed; a flag counts more than the file. */
const sharedWithK3s = ' as a flag: the line in the file is for K3s as well'

const isKey = (of: Flag['of']): boolean => of.includes('k3s') || of.includes('weft')

/** Of a flag that holds one value the last counts, as on K3s' command line; what a component is told keeps the file that it stands in. */
function settingsOf(table: FlagTable, name: string, values: readonly Value[]): Setting[] {
  const row = table[name] as Flag
  const mayBeEmpty = row.type === 'bindAddress'
  const said = values.filter(({ value }) => value !== null && (value !== '' || mayBeEmpty))
  const setting = ({ file, value }: Value): Setting => ({
    name,
    value: row.type === 'boolean' ? yamlBoolean(value) : value,
    origin: 'K3s config file',
    where: `${file}: ${name}`,
    write: flagPlace(name).write,
    note: sharedWithK3s,
  })
  if (name === argumentName(table)) return said.map(setting)
  const last = said.at(-1)
  if (last === undefined) return []
  return [setting(isList(row) ? { ...last, value: said.map(({ value }) => value) } : last)]
}

/** K3s reads YAML 1.1, to which these are truth values. */
function yamlBoolean(value: unknown): unknown {
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  if (['y', 'yes', 'on'].includes(text)) return true
  return ['n', 'no', 'off'].includes(text) ? false : value
}

function looksLike(name: string, values: readonly Value[], keys: readonly string[]): string[] {
  const meant = typoOf(name, keys)
  const file = values.at(-1)?.file
  return meant === undefined ? [] : [`${file}: ${name} is no key of K3s and has no effect; did you mean ${meant}?`]
}

/** Keys of K3s (docs.k3s.io, `k3s server` and `k3s agent`) whose names are like names of ours. */
const k3sKeys = new Set([
  'cluster-dns',
  'cluster-domain',
  'cluster-init',
  'cluster-reset',
  'disable-agent',
  'disable-kube-proxy',
  'disable-network-policy',
  'flannel-iface',
  'flannel-conf',
  'flannel-cni-conf',
  'flannel-external-ip',
  'flannel-ipv6-masq',
  'kube-apiserver-arg',
  'kube-cloud-controller-manager-arg',
  'kube-controller-manager-arg',
  'kube-proxy-arg',
  'kube-scheduler-arg',
  'kubelet-arg',
  'bind-address',
  'node-ip',
  'node-label',
  'node-name',
  'node-taint',
  'node-external-ip',
  'node-external-dns',
  'node-internal-dns',
  'service-cidr',
  'service-node-port-range',
  'servicelb-namespace',
  'flannel-backend',
  'cluster-cidr',
  'with-node-id',
  'write-kubeconfig',
  'write-kubeconfig-mode',
  'write-kubeconfig-group',
  'v',
  'vmodule',
])

function merge(into: Map<string, Value[]>, file: string, entries: readonly Entry[]): void {
  for (const [key, value] of entries) {
    const name = key.replace(/\+$/, '')
    const values = (Array.isArray(value) ? value : [value]).map((one: unknown): Value => ({ value: one, file }))
    into.set(name, key.endsWith('+') ? [...(into.get(name) ?? []), ...values] : values)
  }
}

function dropIns(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /\.ya?ml$/i.test(entry.name))
      .map(({ name }) => name)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((name) => join(dir, name))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
