import { existsSync, mkdirSync, realpathSync, type Stats, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from '../config-error.ts'

/** What stands in for paths that the node does not have. Nothing is made in the host's file system. */
const standIns = '/var/lib/kubelet/host-paths'

const checks: Readonly<Record<string, [is: (stats: Stats) => boolean, what: string]>> = {
  Directory: [(stats) => stats.isDirectory(), 'a directory'],
  DirectoryOrCreate: [(stats) => stats.isDirectory(), 'a directory'],
  File: [(stats) => stats.isFile(), 'a file'],
  FileOrCreate: [(stats) => stats.isFile(), 'a file'],
  Socket: [(stats) => stats.isSocket(), 'a socket file'],
  CharDevice: [(stats) => stats.isCharacterDevice(), 'a character device'],
  BlockDevice: [(stats) => stats.isBlockDevice(), 'a block device'],
}

/** Types for which a container runtime makes what is missing. */
const creating = new Set(['', 'DirectoryOrCreate', 'FileOrCreate'])

/**
 * The path in the node's view, without symbolic links. What is missing and may be made is made in the node's memory, and is the same for all of its pods.
 *
 * @throws ConfigError in a kubelet's words when the path is not of the type asked for
 */
export function hostPath(path: string, type = ''): string {
  const standIn = join(standIns, path)
  const found = existsSync(path) ? realpathSync(path) : existsSync(standIn) ? standIn : undefined
  if (found === undefined && creating.has(type)) return make(standIn, type)
  const [is, what] = checks[type] ?? [() => true, '']
  if (found !== undefined && is(statSync(found))) return found
  throw new ConfigError(`hostPath type check failed: ${path} is not ${what}`)
}

function make(path: string, type: string): string {
  mkdirSync(type === 'FileOrCreate' ? dirname(path) : path, { recursive: true })
  if (type === 'FileOrCreate') writeFileSync(path, '')
  return path
}
