import type { KubeconfigSection } from './kubeconfig-section.ts'

/**
 * Several kubeconfigs read as one, as kubectl merges them: whichever file says something first wins, entry by entry, and paths are relative to the file
 * that they stand in.
 */
export class KubeconfigFiles {
  readonly #first: KubeconfigSection
  readonly #files: readonly KubeconfigSection[]

  constructor(first: KubeconfigSection, others: readonly KubeconfigSection[]) {
    this.#first = first
    this.#files = [first, ...others]
  }

  /** Name of the current context. @throws WeftError KUBECONFIG_INVALID */
  get currentContext(): string {
    const file = this.#files.find((one) => one.has('current-context')) ?? this.#first
    return file.required('current-context')
  }

  /** The entry called `name` of a list such as `contexts`, and in it the mapping under `inner`. @throws WeftError KUBECONFIG_INVALID */
  named(list: string, name: string, inner: string): KubeconfigSection {
    const file = this.#files.find((one) => one.names(list).includes(name)) ?? this.#first
    return file.named(list, name, inner)
  }
}
