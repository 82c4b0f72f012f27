import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { WeftError } from '../model/error.ts'
import type { NewObject } from './api/types.ts'

/** One object of a manifest and where it was written. */
export interface ManifestDocument {
  file: string
  /** Number of the document in its file, from 1. */
  document: number
  object: NewObject
}

const manifestExtensions = new Set(['.yaml', '.yml', '.json'])

/**
 * Reads manifests as `kubectl apply -f` does: files as given, directories by their `*.yaml`, `*.yml` and `*.json` in order
 * of name (not recursive), several documents a file, `List` objects unfolded.
 *
 * @param paths files and directories; `-` is standard input
 * @returns the objects in their order, Namespaces first
 * @throws WeftError MANIFEST_UNREADABLE, MANIFEST_INVALID
 */
export function readManifests(paths: string[]): ManifestDocument[] {
  const documents = paths.flatMap(filesOf).flatMap((file) => parseManifest(file, readText(file)))
  const isNamespace = ({ object }: ManifestDocument) => object.kind === 'Namespace'
  return [...documents.filter(isNamespace), ...documents.filter((document) => !isNamespace(document))]
}

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
  new WeftError(`cannot read ${path}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
    code: 'MANIFEST_UNREADABLE',
    fault: 'user',
    where: path,
    remedy: 'check the path given with -f',
    cause,
  })

/** Parses the text of one file; YAML 1.1, which is what kubectl speaks (`on` and `yes` are booleans, `0644` is octal). */
export function parseManifest(file: string, text: string): ManifestDocument[] {
  const documents = parseAllDocuments(text, { version: '1.1', merge: true })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((yaml, index) => {
    const [error] = yaml.errors
    if (error !== undefined) throw invalid(file, index + 1, error.message)
    return objectsOf(file, index + 1, yaml.toJS())
  })
}

function objectsOf(file: string, document: number, value: unknown): ManifestDocument[] {
  if (value === null || value === undefined) return []
  if (!isRecord(value)) throw invalid(file, document, 'it is not an object')
  if (value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].flatMap((item: unknown) => objectsOf(file, document, item))
  }
  const { apiVersion, kind, metadata } = value
  if (typeof apiVersion !== 'string') throw invalid(file, document, 'apiVersion is missing')
  if (typeof kind !== 'string') throw invalid(file, document, 'kind is missing')
  if (!isRecord(metadata)) throw invalid(file, document, `metadata of this ${kind} is missing`)
  return [{ file, document, object: value as unknown as NewObject }]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const invalid = (file: string, document: number, reason: string): WeftError =>
  new WeftError(`${file}, document ${document}: ${reason}`, {
    code: 'MANIFEST_INVALID',
    fault: 'user',
    where: file,
    remedy: 'correct this document; everything that kubectl apply takes is taken',
  })
