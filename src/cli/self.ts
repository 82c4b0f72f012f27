import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }

export const version: string = packageJson.version

/** The command line that starts this command again, from any working directory. */
export const program = (): string[] => [process.execPath, resolve(process.argv[1] ?? 'weft')]

/** The manifests that come with this command. */
export const examples = (): string => join(dirname(realpathSync(process.argv[1] ?? '')), '../examples')

/** How the reader calls this command from here: `weft` where that is what PATH finds, else a path. */
export function commandName(): string {
  const self = process.argv[1] ?? 'weft'
  const found = (process.env['PATH'] ?? '').split(delimiter).find((folder) => existsSync(join(folder, 'weft')))
  if (found !== undefined && realpathSync(join(found, 'weft')) === realpathSync(self)) return 'weft'
  const path = relative(process.cwd(), self)
  return path.startsWith('..') ? self : path
}
