import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { WeftError } from '../model/error.ts'

/** Where Debian and the CNI project put the reference plugins. */
export const cniPath = ['/usr/lib/cni', '/opt/cni/bin']

interface Requirement {
  what: string
  /** Debian package that brings it. */
  package: string
  present: () => boolean
}

/** Not on the PATH of those who became root by `su`. */
const sbinDirectories = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

const requirements: Requirement[] = [
  ...programs('iproute2', 'ip'),
  ...programs('util-linux', 'nsenter', 'unshare', 'setsid', 'setpriv', 'pivot_root'),
  ...programs('mount', 'mount', 'umount'),
  ...programs('hostname', 'hostname'),
  ...programs('coreutils', 'mkfifo', 'mknod', 'cp', 'ln', 'chmod', 'sleep'),
  // Called by these paths, since a container's environment has a PATH of its own.
  ...fixed('util-linux', '/usr/bin/nsenter', '/usr/bin/setsid', '/usr/bin/setpriv'),
  ...fixed('coreutils', '/usr/bin/env'),
  ...programs('dash', 'sh'),
  ...fixed('dash', '/bin/sh'),
  ...['bridge', 'host-local', 'loopback', 'portmap'].map((plugin) => ({
    what: `the CNI plugin "${plugin}" (in ${cniPath.join(' or ')})`,
    package: 'containernetworking-plugins',
    present: () => cniPath.some((directory) => isExecutable(join(directory, plugin))),
  })),
  { what: 'the library libnftables.so.1', package: 'libnftables1', present: () => hasLibrary('libnftables.so.1') },
]

/**
 * Checks, before anything is made, that all programs and libraries are there that a lab uses, and puts the directories in which they were found on the PATH
 * of all that is started from here.
 *
 * @throws WeftError NOT_ROOT (exit code 5), LAB_REQUIREMENTS_MISSING
 */
export function checkPrograms(): void {
  checkRoot()
  process.env['PATH'] = searchPath().join(delimiter)
  const missing = requirements.filter((requirement) => !requirement.present())
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((requirement) => requirement.package))]
  throw new WeftError(`a lab needs ${missing.map((requirement) => requirement.what).join(', ')}`, {
    code: 'LAB_REQUIREMENTS_MISSING',
    fault: 'user',
    remedy: `apt-get install ${packages.join(' ')} (Debian, Ubuntu), or 'make setup', which does that`,
  })
}

/** @throws WeftError NOT_ROOT */
export function checkRoot(): void {
  if (process.geteuid?.() === 0) return
  throw new WeftError('a lab needs root: it makes network namespaces, mounts and cgroups', {
    code: 'NOT_ROOT',
    fault: 'user',
    remedy: 'run the command with sudo, or in a privileged container',
    exitCode: 5,
  })
}

function programs(debianPackage: string, ...names: string[]): Requirement[] {
  return names.map((name) => ({
    what: `the program "${name}"`,
    package: debianPackage,
    present: () => onPath(name) !== undefined,
  }))
}

/** Programs that have to be at one path; of one that is nowhere it is enough to say that. */
function fixed(debianPackage: string, ...paths: string[]): Requirement[] {
  return paths.map((path) => ({
    what: `the program ${path}`,
    package: debianPackage,
    present: () => onPath(basename(path)) === undefined || isExecutable(path),
  }))
}

const searchPath = (): string[] => [
  ...new Set([...(process.env['PATH'] ?? '').split(delimiter).filter((path) => path !== ''), ...sbinDirectories]),
]

const onPath = (name: string): string | undefined =>
  searchPath().find((directory) => isExecutable(join(directory, name)))

/** Looks where ld.so looks by default: lib directories and their multiarch children (Debian). */
function hasLibrary(soname: string): boolean {
  const roots = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib']
  return roots.some(
    (root) => existsSync(join(root, soname)) || multiarch(root).some((d) => existsSync(join(d, soname))),
  )
}

function multiarch(root: string): string[] {
  try {
    return readdirSync(root)
      .filter((name) => name.includes('-linux-'))
      .map((name) => join(root, name))
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
