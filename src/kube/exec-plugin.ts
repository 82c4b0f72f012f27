import { isatty } from 'node:tty'
import { unlessAborted } from './abort.ts'
import type { CredentialSource, Credentials } from './connection.ts'
import type { ExecConfig } from './exec-config.ts'
import { type ExecCredential, parseExecCredential } from './exec-credential.ts'
import { type ExecOutput, runPlugin } from './exec-run.ts'

export interface ExecPluginEnvironment {
  run?: (config: ExecConfig) => Promise<ExecOutput>
  now?: () => number
}

/**
 * Credentials of a credential plugin. It is run when the first ones are needed, when they have expired and when the server refused them; whoever asks
 * meanwhile waits for the same run.
 */
export class ExecPlugin implements CredentialSource {
  readonly #config: ExecConfig
  readonly #run: (config: ExecConfig) => Promise<ExecOutput>
  readonly #now: () => number
  #known: ExecCredential | undefined
  #running: Promise<Credentials> | undefined

  constructor(config: ExecConfig, environment: ExecPluginEnvironment = {}) {
    this.#config = config
    this.#run = environment.run ?? ((which) => runPlugin(which, isatty(0)))
    this.#now = environment.now ?? Date.now
  }

  async current(signal?: AbortSignal): Promise<Credentials> {
    const { credentials, expiresMs = Number.POSITIVE_INFINITY } = this.#known ?? {}
    if (credentials && this.#now() < expiresMs) return credentials
    this.#running ??= this.#ask().finally(() => (this.#running = undefined))
    return unlessAborted(this.#running, signal)
  }

  /** Several calls may come back with the same refused credentials after new ones were issued. */
  refused(credentials: Credentials): void {
    if (this.#known?.credentials === credentials) this.#known = undefined
  }

  async #ask(): Promise<Credentials> {
    const { stdout } = await this.#run(this.#config)
    this.#known = parseExecCredential(stdout, this.#config)
    return this.#known.credentials
  }
}
