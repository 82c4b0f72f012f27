import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { describe } from 'vitest'

/**
 * The kubectl binaries to drive: what KUBECTL names (separated by `:`), else the one on PATH and an old one, where
 * `apt-get download kubernetes-client` was unpacked to.
 */
export const kubectls: readonly string[] = process.env['KUBECTL']?.split(':') ?? [
  'kubectl',
  join(import.meta.dirname, '../..', '.cache/kubectl-1.20/usr/bin/kubectl'),
]

const isThere = (binary: string): boolean =>
  binary.includes('/') ? existsSync(binary) : spawnSync(binary, ['version', '--client']).status === 0

/** Runs a suite with each of them; one that is not there is skipped by name. */
export function describeEachKubectl(suite: (binary: string) => void): void {
  for (const binary of kubectls) {
    const name = binary === 'kubectl' ? 'kubectl on PATH' : basename(resolve(binary, '../../..'))
    describe.skipIf(!isThere(binary))(`${name}${isThere(binary) ? '' : ' (not installed)'}`, () => suite(binary))
  }
}
