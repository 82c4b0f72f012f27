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
}

export interface CniOptions {
  /** Directories that hold the plugins. */
  path: string[]
  /** Where results of ADD are kept: DEL must be given them, also by a later process. */
  cacheDir: string
}

type Command = 'ADD' | 'CHECK' | 'DEL'

/** What an ADD left for later: DEL and CHECK use the network as it was then, and its result. */
interface CachedAttachment {
  network: Conflist
  result: CniResult
}

/**
 * Runs the plugins of a network in order; each gets the result of the one before.
 *
 * @returns the result of the last plugin
 * @throws WeftError CNI_FAILED with the plugin's own words; plugins that had been run are not undone (call `cniDel`)
 */
export async function cniAdd(network: Conflist, attachment: Attachment, options: CniOptions): Promise<CniResult> {
  let result: CniResult | undefined
  for (const plugin of network.plugins) {
    const output = await runPlugin('ADD', network, plugin, attachment, options, result)
    result = parseResult(plugin.type, output)
  }
  await mkdir(options.cacheDir, { recursive: true })
  const cached: CachedAttachment = { network, result: result ?? {} }
  await writeFile(cacheFile(network, attachment, options), JSON.stringify(cached))
  return cached.result
}

/**
 * Asks the plugins, in order, whether the attachment is still as their ADD left it. Networks older than 0.4.0, and those that say `disableCheck`, have
 * nothing to ask (CNI specification, "CHECK").
 *
 * @throws WeftError CNI_FAILED with what a plugin found; CNI_NOT_ADDED where no ADD is remembered
 */
export async function cniCheck(network: Conflist, attachment: Attachment, options: CniOptions): Promise<CniResult> {
  const cached = await readCache(network, attachment, options)
  if (cached === undefined) throw notAdded(network)
  if (!isCheckable(cached.network)) return cached.result
  for (const plugin of cached.network.plugins)
    await runPlugin('CHECK', cached.network, plugin, attachment, options, cached.result)
  return cached.result
}

const isCheckable = ({ cniVersion, disableCheck }: Conflist): boolean =>
  disableCheck !== true && !/^0\.[0-3]\./.test(cniVersion)

/** Runs the plugins in reverse order with the cached result. Idempotent, as DEL of a plugin has to be. */
export async function cniDel(network: Conflist, attachment: Attachment, options: CniOptions): Promise<void> {
  const { network: added, result } = (await readCache(network, attachment, options)) ?? { network, result: undefined }
  for (const plugin of added.plugins.toReversed()) {
    await runPlugin('DEL', added, plugin, attachment, options, result)
  }
  await rm(cacheFile(network, attachment, options), { force: true })
}

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
  const input = JSON.stringify({ ...plugin, cniVersion, name, ...(prevResult && { prevResult }) })
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

const cniError = (type: string, command: Command, reason: string): WeftError =>
  new WeftError(`CNI plugin "${type}" failed at ${command}: ${reason}`, {
    code: 'CNI_FAILED',
    fault: 'peer',
    where: type,
    remedy: "the plugins come from Debian's containernetworking-plugins",
  })
