import { writeSync } from 'node:fs'
import { type Fault, WeftError } from '../../model/error.ts'

/** What the supervisor tells the command that started it, one JSON object a line. */
export type ProgressEvent =
  | { type: 'phase'; title: string; seconds: number }
  /** What is being waited for, when it takes long. */
  | { type: 'waiting'; missing: string[] }
  | { type: 'ready'; seconds: number; pods: number }
  | { type: 'error'; error: WireError }

/** A WeftError on the way between two processes. */
export interface WireError {
  message: string
  code: string
  fault: Fault
  where?: string
  remedy?: string
  exitCode?: number
  /** Messages of its causes, outermost first. */
  why?: string
}

/** File descriptor on which the supervisor finds the pipe to its starter. */
export const progressFd = 3

/** Sends an event; a starter that is gone hears nothing. */
export function sendProgress(event: ProgressEvent): void {
  try {
    writeSync(progressFd, `${JSON.stringify(event)}\n`)
  } catch {
    // EPIPE or EBADF: nobody follows.
  }
}

export function toWire(error: unknown): WireError {
  const why = causesOf(error).join(': ')
  if (!(error instanceof WeftError)) {
    return { ...internal(error), ...(why !== '' && { why }) }
  }
  const { message, code, fault, where, remedy, exitCode } = error
  return {
    message,
    code,
    fault,
    ...(where !== undefined && { where }),
    ...(remedy !== undefined && { remedy }),
    ...(exitCode !== undefined && { exitCode }),
    ...(why !== '' && { why }),
  }
}

/** A fault of ours: the place where it happened is all that a report can go by once the lab's files are gone. */
function internal(error: unknown): WireError {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const place = stack.split('\n').find((line) => line.trimStart().startsWith('at '))
  const message = error instanceof Error ? error.message : String(error)
  return { message, code: 'LAB_FAILED', fault: 'internal', ...(place !== undefined && { where: place.trim() }) }
}

function causesOf(error: unknown): string[] {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? [cause.message, ...causesOf(cause)] : []
}

export const fromWire = ({ message, why, ...details }: WireError): WeftError =>
  new WeftError(message, { ...details, ...(why !== undefined && { cause: new Error(why) }) })
