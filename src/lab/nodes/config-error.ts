/** What a pod refers to is not there (yet): it waits until it is. The words are a real kubelet's. */
export class ConfigError extends Error {
  /** It is a Secret, or a key of one, that is missing. */
  readonly ofSecret: boolean

  constructor(message: string, ofSecret = false) {
    super(message)
    this.ofSecret = ofSecret
  }
}

export const objectMissing = (kind: 'configmap' | 'secret', name: string): ConfigError =>
  new ConfigError(`${kind} "${name}" not found`, kind === 'secret')
