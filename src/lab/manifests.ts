import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import { WeftError } from '../model/error.ts'
import type { NewObject } from './api/types.ts'

/** One object of a manifest and where it was written. */
export interface ManifestDocument {
  file: string
  /** Line of the file, from 1, on which its document begins. */
  line: number
  object: NewObject
}

const manifestExtensions = new Set(['.yaml', '.yml', '.json'])

/**
 * Reads manifests as `kubectl apply -f` does: files as given, directories by their `*.yaml`, `*.yml` and `*.json` in order
 * of name (not recursive), several documents a file, `List` objects unfolded.
 *
 * @param paths files and directories; `-` is standard input
 * @returns the objects in their order, Namespaces first
 * @throws WeftError MANIFEST_UNREADABLE, MANIFEST_INVALID, MANIFEST_EMPTY for a path in which there is no object at all
 */
export function readManifests(paths: string[]): ManifestDocument[] {
  const documents = paths.flatMap(readPath)
  const isNamespace = ({ object }: ManifestDocument) => object.kind === 'Namespace'
  return [...documents.filter(isNamespace), ...documents.filter((document) => !isNamespace(document))]
}

function readPath(path: string): ManifestDocument[] {
  const documents = filesOf(path).flatMap((file) => parseManifest(file, readText(file)))
  if (documents.length > 0) return documents
  throw new WeftError(`there is no object in ${nameOf(path)}`, {
    code: 'MANIFEST_EMPTY',
    fault: 'user',
    where: '-f',
    remedy: 'give a file with at least one object, e.g. examples/shop.yaml, or leave -f out',
  })
}

/** As messages call a file. */
const nameOf = (file: string): string => (file === '-' ? 'standard input' : file)

function filesOf(path: string): string[] {
  if (path === '-') return [path]
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter((name) => manifestExtensions.has(extname(name)))
    if (names.length > 0) return names.sort().map((name) => join(path, name))
  } catch (cause) {
    throw unreadable(path, cause)
  }
  throw new WeftError(`the directory ${path} has no *.yaml, *.yml or *.json in it`, {
    code: 'MANIFEST_UNREADABLE',
    fault: 'user',
    where: path,
    remedy: 'give -f a file or a directory of manifests',
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

const unreadable = (path: string, cause: unknown): WeftError =>
  new WeftError(`cannot read ${nameOf(path)}: ${reasonOf(cause)}`, {
    code: 'MANIFEST_UNREADABLE',
    fault: 'user',
    where: '-f',
    remedy: /^https?:/.test(path)
      ? `get it first: curl -sSfLO ${path}`
      : 'check the path; it is taken from the current directory',
  })

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
}

function reasonOf(cause: unknown): string {
  const { code = '', message } = cause as NodeJS.ErrnoException
  return reasons[code] ?? message
}

/** Parses the text of one file; YAML 1.1, which is what kubectl speaks (`on` and `yes` are booleans, `0644` is octal). */
export function parseManifest(file: string, text: string): ManifestDocument[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { version: '1.1', merge: true, prettyErrors: false, lineCounter: lines })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((yaml) => {
    const [error] = yaml.errors
    if (error !== undefined) throw invalid(file, lines.linePos(error.pos[0]).line, error.message)
    const { range } = yaml.contents ?? {}
    return objectsOf(file, range ? lines.linePos(range[0]).line : 1, yaml.toJS())
  })
}

function objectsOf(file: string, line: number, value: unknown): ManifestDocument[] {
  if (value === null || value === undefined) return []
  if (!isRecord(value)) throw invalid(file, line, 'this is not an object')
  if (value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].flatMap((item: unknown) => objectsOf(file, line, item))
  }
  const { apiVersion, kind, metadata } = value
  if (typeof apiVersion !== 'string') throw invalid(file, line, 'apiVersion is missing')
  if (typeof kind !== 'string') throw invalid(file, line, 'kind is missing')
  if (!isRecord(metadata)) throw invalid(file, line, `metadata of this ${kind} is missing`)
  if (!metadata['name'] && !metadata['generateName']) throw invalid(file, line, `this ${kind} has no metadata.name`)
  return [{ file: nameOf(file), line, object: value as unknown as NewObject }]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const invalid = (file: string, line: number, reason: string): WeftError =>
  new WeftError(`${nameOf(file)}:${line}: ${reason}`, {
    code: 'MANIFEST_INVALID',
    fault: 'user',
    remedy: 'correct what begins at this line; everything that kubectl apply takes is taken',
  })
