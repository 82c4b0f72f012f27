import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../kernel/process.ts'
import { WeftError } from '../../model/error.ts'
import type { Conflist } from './cni-conflist.ts'

/** Answer of an ADD (CNI specification, "ADD Success"); what Weft does not read is kept for DEL. */
export interface CniResult {
  ips?: { address: string; gateway?: string }[]
  [field: string]: unknown
}

/** One attachment: a container's interface in one network. */
export interface Attachment {
  containerId: string
  /** Path of the container's network namespace. */
  netns: string
  ifname: string
  /**
   * What the runtime asks of this attachment, by capability: a plugin that names one in its `capabilities` gets it as `runtimeConfig` (CNI conventions,
   * "Dynamic Plugin specific fields"). DEL and CHECK are given what ADD was.
   */
  capabilityArgs?: Readonly<Record<string, unknown>>
}

export interface CniOptions {
  /** Directories that hold the plugins. */
  path: string[]
  /** Where results of ADD are kept: DEL must be given them, also by a later process. */
  cacheDir: string
}

type Command = 'ADD' | 'CHECK' | 'DEL'

/** What an ADD left for later: DEL and CHECK use the network and the capabilities as they were then, and the result, which is absent if ADD did not end. */
interface CachedAttachment {
  network: Conflist
  capabilityArgs?: Attachment['capabilityArgs']
  result?: CniResult
}

/**
 * Runs the plugins of a network in order; each gets the result of the one before.
 *
 * @returns the result of the last plugin
 * @throws WeftError CNI_FAILED with the plugin's own words; plugins that had been run are not undone (call `cniDel`)
 */
export async function cniAdd(network: Conflist, attachment: Attachment, options: CniOptions): Promise<CniResult> {
  const { capabilityArgs } = attachment
  const cached: CachedAttachment = { network, ...(capabilityArgs && { capabilityArgs }) }
  const file = cacheFile(network, attachment, options)
  await mkdir(options.cacheDir, { recursive: true })
  // Before the first plugin: if this process dies in the middle, the next one knows what there may be to remove.
  await writeFile(file, JSON.stringify(cached))
  let result: CniResult | undefined
  for (const plugin of network.plugins) {
    const output = await runPlugin('ADD', network, plugin, attachment, options, result)
    result = parseResult(plugin.type, output)
  }
  await writeFile(file, JSON.stringify({ ...cached, result: result ?? {} }))
  return result ?? {}
}

/**
 * Asks the plugins, in order, whether the attachment is still as their ADD left it. Networks older than 0.4.0, and those that say `disableCheck`, have
 * nothing to ask (CNI specification, "CHECK").
 *
 * @throws WeftError CNI_FAILED with what a plugin found; CNI_NOT_ADDED where no ADD is remembered
 */
export async function cniCheck(network: Conflist, attachment: Attachment, options: CniOptions): Promise<CniResult> {
  const { network: added, capabilityArgs, result } = (await readCache(network, attachment, options)) ?? { network }
  if (result === undefined) throw notAdded(network)
  if (!isCheckable(added)) return result
  const asAdded = withCapabilities(attachment, capabilityArgs)
  for (const plugin of added.plugins)
    if (!deniesWhatIsThere.has(plugin.type)) await runPlugin('CHECK', added, plugin, asAdded, options, result)
  return result
}

/**
 * Plugins whose CHECK fails although nothing is wrong: portmap 1.1, as Debian has it, looks in ip6tables for what it wrote for IPv4, and for its IPv4 rules in the IPv6
 * chain (containernetworking/plugins#819).
 */
const deniesWhatIsThere: ReadonlySet<string> = new Set(['portmap'])

const isCheckable = ({ cniVersion, disableCheck }: Conflist): boolean =>
  disableCheck !== true && !/^0\.[0-3]\./.test(cniVersion)

/** Runs the plugins in reverse order with the cached result. Idempotent, as DEL of a plugin has to be. */
export async function cniDel(network: Conflist, attachment: Attachment, options: CniOptions): Promise<void> {
  const { network: added, capabilityArgs, result } = (await readCache(network, attachment, options)) ?? { network }
  const asAdded = withCapabilities(attachment, capabilityArgs)
  for (const plugin of added.plugins.toReversed()) await runPlugin('DEL', added, plugin, asAdded, options, result)
  await rm(cacheFile(network, attachment, options), { force: true })
}

const withCapabilities = (attachment: Attachment, capabilityArgs: Attachment['capabilityArgs']): Attachment =>
  capabilityArgs === undefined ? attachment : { ...attachment, capabilityArgs }

/** The result of an earlier ADD, undefined if there was none. */
export async function cachedResult(
  network: Conflist,
  attachment: Attachment,
  options: CniOptions,
): Promise<CniResult | undefined> {
  return (await readCache(network, attachment, options))?.result
}

/** The container ids that are attached to a network, by what ADD remembered. */
export async function cachedContainers(network: string, ifname: string, cacheDir: string): Promise<string[]> {
  const names = await readdir(cacheDir).catch(() => [])
  const [start, end] = [`${network}-`, `-${ifname}.json`]
  return names
    .filter((name) => name.startsWith(start) && name.endsWith(end))
    .map((name) => name.slice(start.length, -end.length))
}

/** The network that an attachment was made in, as it was then; undefined if none is remembered. */
export async function cachedNetwork(
  { containerId, ifname }: Attachment,
  cacheDir: string,
): Promise<Conflist | undefined> {
  const names = await readdir(cacheDir).catch(() => [])
  const found = names.find((name) => name.endsWith(`-${containerId}-${ifname}.json`))
  return found === undefined ? undefined : (await readJson(join(cacheDir, found)))?.network
}

async function readCache(
  network: Conflist,
  attachment: Attachment,
  options: CniOptions,
): Promise<CachedAttachment | undefined> {
  return readJson(cacheFile(network, attachment, options))
}

async function readJson(file: string): Promise<CachedAttachment | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as CachedAttachment
  } catch {
    return undefined
  }
}

const cacheFile = (network: Conflist, { containerId, ifname }: Attachment, { cacheDir }: CniOptions): string =>
  join(cacheDir, `${network.name}-${containerId}-${ifname}.json`)

async function runPlugin(
  command: Command,
  network: Conflist,
  plugin: Conflist['plugins'][number],
  attachment: Attachment,
  options: CniOptions,
  prevResult: CniResult | undefined,
): Promise<string> {
  const { cniVersion, name } = network
  const runtimeConfig = runtimeConfigOf(plugin, attachment)
  const input = JSON.stringify({
    ...plugin,
    cniVersion,
    name,
    ...(runtimeConfig && { runtimeConfig }),
    ...(prevResult && { prevResult }),
  })
  const { code, stdout, stderr } = await run(await findPlugin(plugin.type, options.path), [], {
    input,
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment.containerId,
      CNI_NETNS: attachment.netns,
      CNI_IFNAME: attachment.ifname,
      CNI_PATH: options.path.join(':'),
    },
  })
  if (code === 0) return stdout
  throw cniError(plugin.type, command, errorText(stdout) ?? (stderr.trim() || `exit code ${code}`))
}

/** What a plugin says that it can do with, of what is asked. */
function runtimeConfigOf(
  { capabilities }: Conflist['plugins'][number],
  { capabilityArgs = {} }: Attachment,
): Record<string, unknown> | undefined {
  const able = (capabilities ?? {}) as Record<string, boolean>
  const wanted = Object.entries(capabilityArgs).filter(([name]) => able[name] === true)
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted)
}

async function findPlugin(type: string, path: string[]): Promise<string> {
  for (const directory of path) {
    const file = join(directory, type)
    const found = await access(file).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  throw cniError(type, 'ADD', `the plugin is in none of ${path.join(', ')}`)
}

function parseResult(type: string, output: string): CniResult {
  try {
    return JSON.parse(output) as CniResult
  } catch {
    throw cniError(type, 'ADD', `its answer is not JSON: ${output.slice(0, 200)}`)
  }
}

/** CNI specification, "Error": `msg` and `details` of the JSON on standard output. */
function errorText(stdout: string): string | undefined {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: string; details?: string }
    return details ? `${msg}: ${details}` : msg
  } catch {
    return undefined
  }
}

const notAdded = ({ name }: Conflist): WeftError =>
  new WeftError(`no ADD to the network "${name}" is remembered`, {
    code: 'CNI_NOT_ADDED',
    fault: 'internal',
    where: name,
  })

const cniError = (type: string, command: Command, reason: string): WeftError => {
  // The words go into the pod's Event, which has no place for a remedy.
  const why = /"ip6?tables": executable file not found/.test(reason) ? ` (host ports need it: ${iptablesRemedy})` : ''
  return new WeftError(`CNI plugin "${type}" failed at ${command}: ${reason}${why}`, {
    code: 'CNI_FAILED',
    fault: 'peer',
    where: type,
    remedy: why === '' ? "the plugins come from Debian's containernetworking-plugins" : iptablesRemedy,
  })
}

const iptablesRemedy = 'apt-get install iptables'
