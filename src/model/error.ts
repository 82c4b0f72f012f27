/** Whose fault an error is; decides the exit code and whether a retry makes sense. */
export type Fault = 'user' | 'peer' | 'kernel' | 'internal' | 'cancelled'

export interface ErrorDetails {
  /** Stable identifier, e.g. `LAB_NAME_TAKEN`; never reworded. */
  code: string
  fault: Fault
  /** The field, flag, file or kernel object that the error is about. */
  where?: string
  /** What the reader can do about it. */
  remedy?: string
  /** Overrides the exit code that follows from `fault` (docs/cli.md). */
  exitCode?: number
  cause?: unknown
}

/** The one error base: what happened (message), where, why (cause), remedy. Printed by `src/cli/errors.ts`. */
export class WeftError extends Error {
  override readonly name = 'WeftError'
  readonly code: string
  readonly fault: Fault
  readonly where: string | undefined
  readonly remedy: string | undefined
  readonly exitCode: number | undefined

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.fault = details.fault
    this.where = details.where
    this.remedy = details.remedy
    this.exitCode = details.exitCode
  }
}
