import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { errnoValues, KernelError } from './errors.ts'
import { type NetnsRef, runIn } from './network-namespace.ts'

/** `net.ipv4.ip_forward`; with slashes where a part holds a dot itself: `net/ipv4/conf/eth0.100/forwarding` (sysctl(8)). */
const pathOf = (key: string): string => `/proc/sys/${key.includes('/') ? key : key.replaceAll('.', '/')}`

/** Value without the final line break. Keys below `net.` are those of the namespace. @throws KernelError, ENOENT where the kernel has no such key */
export const readSysctl = (ns: NetnsRef | undefined, key: string): string =>
  asKernelError('read', key, () => runIn(ns, () => readFileSync(pathOf(key), 'utf8').trimEnd()))

/** @throws KernelError: ENOENT where the kernel has no such key (module not loaded), EINVAL for a value it refuses, EROFS in an unprivileged container */
export function writeSysctl(ns: NetnsRef | undefined, key: string, value: string | number): void {
  asKernelError('write', key, () => runIn(ns, () => writeFileSync(pathOf(key), String(value))))
}

/** The namespace's values belong to whoever opens the file, so opening must happen inside, synchronously (net/sysctl_net.c). */
function asKernelError<T>(operation: string, key: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    const errno = errnoValues[(cause as NodeJS.ErrnoException).code ?? '']
    if (errno === undefined || cause instanceof KernelError) throw cause
    throw new KernelError({ errno, operation, where: `sysctl ${key}`, cause })
  }
}

/** Names below a key, e.g. the interfaces below `net/ipv4/conf`. @throws KernelError, ENOENT where the kernel has no such key */
export const listSysctls = (ns: NetnsRef | undefined, key: string): string[] =>
  asKernelError('list', key, () => runIn(ns, () => readdirSync(pathOf(key))))
