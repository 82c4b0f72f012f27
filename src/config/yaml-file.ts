import { readFileSync } from 'node:fs'
import { WeftError } from '../model/error.ts'
import type { Place } from './mistake.ts'

/** One key with its value, in the order of the file; a key may come twice. */
export type Entry = readonly [key: string, value: unknown]

/**
 * The entries of a file that holds one YAML mapping; undefined where it is not there and may be missing.
 *
 * @throws WeftError CONFIG_UNREADABLE, CONFIG_NOT_YAML
 */
export async function readEntries(
  file: string,
  { named, mayBeMissing = false }: { named: Place; mayBeMissing?: boolean },
): Promise<Entry[] | undefined> {
  const text = read(file, named, mayBeMissing)
  if (text === undefined) return undefined
  const { isMap, parseDocument } = await import('yaml')
  const document = parseDocument(text, { uniqueKeys: false })
  const error = document.errors[0]
  if (error !== undefined) throw notYAML(file, error)
  if (document.contents === null) return []
  if (!isMap(document.contents)) throw notYAML(file)
  return document.contents.items.map(({ key, value }) => [
    String(key),
    (value as { toJS?: (of: unknown) => unknown } | null)?.toJS?.(document) ?? null,
  ])
}

/** As a mapping: of a key that comes twice the last counts. */
export const treeOf = (entries: readonly Entry[]): Record<string, unknown> => Object.fromEntries(entries)

const notYAML = (file: string, error?: Error): WeftError =>
  new WeftError(error === undefined ? 'it is no YAML mapping' : 'it is no YAML', {
    code: 'CONFIG_NOT_YAML',
    fault: 'user',
    where: file,
    remedy: 'write one `name: value` a line, lists as `- value` below their name, and no tabs before them',
    ...(error === undefined ? {} : { cause: new Error(error.message.replace(/:?\n[^]*$/, '')) }),
  })

function read(file: string, named: Place, mayBeMissing: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (mayBeMissing && code === 'ENOENT') return undefined
    throw unreadable(file, named, cause)
  }
}

/** Root alone may read K3s' config.yaml. */
export const unreadable = (file: string, { where }: Place, cause: unknown): WeftError =>
  new WeftError('the configuration file cannot be read', {
    code: 'CONFIG_UNREADABLE',
    fault: 'user',
    where: file,
    remedy:
      (cause as NodeJS.ErrnoException).code === 'EACCES'
        ? "run it as root: K3s' files are for root alone"
        : `name a file that is there; this one is named by ${where}`,
    cause,
  })
