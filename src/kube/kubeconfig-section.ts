import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { WeftError } from '../model/error.ts'

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

  /** PEM text of `<field>-data` (base64), else of the file that `<field>` names. */
  pem(field: string): string | undefined {
    const data = this.optional(`${field}-data`)
    if (data) return this.#pem(`${field}-data`, Buffer.from(data, 'base64').toString('utf8'))
    const path = this.optional(field)
    return path && this.#pem(field, this.readFile(field, this.resolve(path)))
  }

  /** A path of the kubeconfig, made absolute. */
  resolve(path: string): string {
    return resolve(dirname(this.#file), path)
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

  #where(field: string): string {
    const place = this.#place && field !== this.#place ? `${this.#place}.${field}` : field
    return place ? `${this.#file}: ${place}` : this.#file
  }
}
