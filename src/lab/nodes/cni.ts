import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
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

type Command = 'ADD' | 'DEL'

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
  await writeFile(cacheFile(network, attachment, options), JSON.stringify(result ?? {}))
  return result ?? {}
}

/** Runs the plugins in reverse order with the cached result. Idempotent, as DEL of a plugin has to be. */
export async function cniDel(network: Conflist, attachment: Attachment, options: CniOptions): Promise<void> {
  const previous = await cachedResult(network, attachment, options)
  for (const plugin of network.plugins.toReversed()) {
    await runPlugin('DEL', network, plugin, attachment, options, previous)
  }
  await rm(cacheFile(network, attachment, options), { force: true })
}

/** The result of an earlier ADD, undefined if there was none. */
export async function cachedResult(
  network: Conflist,
  attachment: Attachment,
  options: CniOptions,
): Promise<CniResult | undefined> {
  try {
    return JSON.parse(await readFile(cacheFile(network, attachment, options), 'utf8')) as CniResult
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

const cniError = (type: string, command: Command, reason: string): WeftError =>
  new WeftError(`CNI plugin "${type}" failed at ${command}: ${reason}`, {
    code: 'CNI_FAILED',
    fault: 'peer',
    where: type,
    remedy: "the plugins come from Debian's containernetworking-plugins",
  })
