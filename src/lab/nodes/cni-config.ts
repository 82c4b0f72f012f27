import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../model/error.ts'
import type { Conflist } from './cni-conflist.ts'

/** Where container runtimes look for networks; a node's own. */
const cniConfigDir = '/etc/cni/net.d'

/** The file with the pod network that the kubelet stand-in writes. One that sorts before it takes its place. */
const ownFile = '10-weft.conflist'

/** Writes the node's default network. */
export function writeConflist(network: Conflist, directory = cniConfigDir): void {
  const file = join(directory, ownFile)
  mkdirSync(directory, { recursive: true })
  // Hidden from whoever reads while it is written: only names that end in .conflist count.
  writeFileSync(`${file}.new`, `${JSON.stringify(network, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/**
 * The network that pods are attached to: the first list of plugins by file name, as container runtimes choose it (libcni, go-cni).
 *
 * @throws WeftError CNI_NOT_CONFIGURED, in a real kubelet's words, while there is none
 */
export function readConflist(directory = cniConfigDir): Conflist {
  for (const name of conflistNames(directory)) {
    const network = parse(join(directory, name))
    if (network !== undefined) return network
  }
  throw new WeftError('container runtime network not ready: cni plugin not initialized', {
    code: 'CNI_NOT_CONFIGURED',
    fault: 'peer',
    where: directory,
    remedy: `it takes a .conflist file in ${directory} of the node`,
  })
}

function conflistNames(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.conflist'))
      .sort()
  } catch {
    return []
  }
}

/** A file that is not a list of plugins is passed over. */
function parse(file: string): Conflist | undefined {
  try {
    const network = JSON.parse(readFileSync(file, 'utf8')) as Partial<Conflist>
    return typeof network.name === 'string' && Array.isArray(network.plugins) ? (network as Conflist) : undefined
  } catch {
    return undefined
  }
}
