import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { WeftError } from '../model/error.ts'
import type { Pem } from './pem-files.ts'

/** One mapping of a kubeconfig, which knows its file and place, so that each mistake can be pointed at. */
export class KubeconfigSection {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #file: string
  /** Where in the file, e.g. `users[admin].user`; `''` for the whole. */
  readonly #place: string

  private constructor(value: unknown, file: string, place: string) {
    this.#file = file
    this.#place = place
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#mistake(`${place || 'the kubeconfig'} is no mapping`, place, 'compare it with a working kubeconfig')
    this.#fields = value as Record<string, unknown>
  }

  /** @throws WeftError KUBECONFIG_INVALID if the file is no mapping */
  static root(value: unknown, file: string): KubeconfigSection {
    return new KubeconfigSection(value, file, '')
  }

  /** The entry called `name` of a list such as `contexts`, and in it the mapping under `inner`. */
  named(list: string, name: string, inner: string): KubeconfigSection {
    const entries = this.#fields[list]
    const known = Array.isArray(entries) ? (entries as { name?: unknown }[]) : []
    const entry = known.find((candidate) => candidate?.name === name)
    if (entry)
      return new KubeconfigSection((entry as Record<string, unknown>)[inner], this.#file, `${list}[${name}].${inner}`)
    const names = known.map((candidate) => String(candidate?.name)).join(', ')
    const remedy = names ? `there is: ${names}` : `add one to "${list}"`
    throw this.#mistake(`the kubeconfig has no ${inner} named "${name}"`, list, remedy)
  }

  has(field: string): boolean {
    const value = this.#fields[field]
    return value !== undefined && value !== null && value !== ''
  }

  required(field: string): string {
    const value = this.optional(field)
    if (value) return value
    throw this.invalid(field, 'is missing', `set "${field}"`)
  }

  optional(field: string): string | undefined {
    if (!this.has(field)) return undefined
    const value = this.#fields[field]
    if (typeof value === 'string') return value
    if (typeof value === 'number') return String(value)
    throw this.invalid(field, 'is no string', 'put it in quotes')
  }

  flag(field: string): boolean {
    const value = this.#fields[field] ?? false
    if (typeof value === 'boolean') return value
    throw this.invalid(field, 'is neither true nor false', 'write true or false without quotes')
  }

  /** PEM of `<field>-data` (base64), else of the file that `<field>` names. */
  pem(field: string): Pem | undefined {
    const data = this.optional(`${field}-data`)
    if (data) return { text: this.#pem(`${field}-data`, Buffer.from(data, 'base64').toString('utf8')) }
    const path = this.optional(field)
    if (!path) return undefined
    const file = this.resolve(path)
    return { text: this.#pem(field, this.readFile(field, file)), file }
  }

  /** A list of texts; empty if absent. */
  strings(field: string): string[] {
    return this.#list(field).map((value) => {
      if (typeof value === 'string' || typeof value === 'number') return String(value)
      throw this.invalid(field, 'holds something that is no string', 'put its entries in quotes')
    })
  }

  /** A list of mappings; empty if absent. */
  sections(field: string): KubeconfigSection[] {
    return this.#list(field).map(
      (value, index) => new KubeconfigSection(value, this.#file, this.#placeOf(`${field}[${index}]`)),
    )
  }

  /** A mapping in this one. */
  section(field: string): KubeconfigSection {
    return new KubeconfigSection(this.#fields[field], this.#file, this.#placeOf(field))
  }

  /** Any value, unread. */
  raw(field: string): unknown {
    return this.#fields[field]
  }

  /** Names of a list's entries. */
  names(list: string): string[] {
    const entries = this.#fields[list]
    return Array.isArray(entries) ? entries.map((entry: { name?: unknown } | null) => String(entry?.name)) : []
  }

  /** Where a field stands, for errors. */
  place(field: string): string {
    return this.#where(field)
  }

  /** What paths are relative to. */
  get folder(): string {
    return dirname(resolve(this.#file))
  }

  /** A path of the kubeconfig, made absolute. */
  resolve(path: string): string {
    return resolve(this.folder, path)
  }

  /** @throws WeftError KUBECONFIG_UNREADABLE */
  readFile(field: string, path: string): string {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw new WeftError(`a file that the kubeconfig names cannot be read: ${(cause as Error).message}`, {
        code: 'KUBECONFIG_UNREADABLE',
        fault: 'user',
        where: this.#where(field),
        remedy: 'correct the path (it is relative to the kubeconfig), or make the file readable',
        cause,
      })
    }
  }

  invalid(field: string, what: string, remedy: string): WeftError {
    return this.#mistake(`"${field}" of the kubeconfig ${what}`, field, remedy)
  }

  unsupported(field: string, remedy: string): WeftError {
    return new WeftError(`the kubeconfig uses "${field}", which Weft does not support`, {
      code: 'KUBECONFIG_UNSUPPORTED',
      fault: 'user',
      where: this.#where(field),
      remedy,
    })
  }

  #pem(field: string, text: string): string {
    if (text.includes('-----BEGIN ')) return text
    throw this.invalid(field, 'holds no PEM', field.endsWith('-data') ? 'it is PEM text in base64' : 'name a PEM file')
  }

  #mistake(message: string, field: string, remedy: string): WeftError {
    return new WeftError(message, { code: 'KUBECONFIG_INVALID', fault: 'user', where: this.#where(field), remedy })
  }

  #list(field: string): unknown[] {
    const value = this.#fields[field] ?? []
    if (Array.isArray(value)) return value
    throw this.invalid(field, 'is no list', 'write it as a list')
  }

  #placeOf(field: string): string {
    return this.#place ? `${this.#place}.${field}` : field
  }

  #where(field: string): string {
    const place = field === this.#place ? field : this.#placeOf(field)
    return place ? `${this.#file}: ${place}` : this.#file
  }
}
