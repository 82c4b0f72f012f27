import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { WeftError } from '../model/error.ts'

/** Where Debian and the CNI project put the reference plugins. */
export const cniPath = ['/usr/lib/cni', '/opt/cni/bin']

interface Requirement {
  what: string
  /** Debian package that brings it. */
  package: string
  present: () => boolean
}

const sbinDirectories = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

const requirements: Requirement[] = [
  ...programs('iproute2', 'ip'),
  ...programs('util-linux', 'nsenter', 'unshare'),
  ...programs('mount', 'mount', 'umount'),
  ...['bridge', 'host-local', 'loopback'].map((plugin) => ({
    what: `the CNI plugin "${plugin}" (in ${cniPath.join(' or ')})`,
    package: 'containernetworking-plugins',
    present: () => cniPath.some((directory) => isExecutable(join(directory, plugin))),
  })),
  { what: 'the library libnftables.so.1', package: 'libnftables1', present: () => hasLibrary('libnftables.so.1') },
]

/**
 * Checks, before anything is made, that all programs and libraries are there that a lab uses.
 *
 * @throws WeftError NOT_ROOT (exit code 5), LAB_REQUIREMENTS_MISSING
 */
export function checkPrograms(): void {
  checkRoot()
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
    present: () => searchPath().some((directory) => isExecutable(join(directory, name))),
  }))
}

const searchPath = (): string[] => [...(process.env['PATH'] ?? '').split(delimiter), ...sbinDirectories]

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
