import { type Fault, WeftError } from '../model/error.ts'
import type { Status, StatusDetails } from './types.ts'

/** What is known of a failed call besides the server's Status. */
export interface FailedCall {
  method: string
  url: string
  /** From the Retry-After header. */
  retryAfterSeconds?: number | undefined
}

/**
 * The API server answered with a failure, by HTTP status or as a watch's ERROR event. `code` is `API_` and the reason in capitals
 * (`API_NOT_FOUND`), or `API_HTTP_<status>` if the server gave no reason.
 */
export class ApiError extends WeftError {
  readonly status: number
  /** The server's word, e.g. `NotFound`; `''` if it gave none. */
  readonly reason: string
  readonly details: StatusDetails | undefined
  /** How long the server asks to be left alone. */
  readonly retryAfterSeconds: number | undefined

  /** `body`: the Status, or what came in its place. */
  constructor(status: number, body: { [field in keyof Status]?: unknown }, call: FailedCall) {
    const reason = textOf(body.reason)
    super(textOf(body.message) || `the API server answered ${status}`, {
      code: errorCode(status, reason),
      where: `${call.method} ${call.url}`,
      ...blame(status),
    })
    this.status = status
    this.reason = reason
    this.details = detailsOf(body.details)
    this.retryAfterSeconds = this.details?.retryAfterSeconds ?? call.retryAfterSeconds
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Details of a Status whose types nobody has checked yet. */
function detailsOf(value: unknown): StatusDetails | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { causes, retryAfterSeconds, ...details } = value as { [field in keyof StatusDetails]?: unknown }
  const isCause = (cause: unknown): boolean => typeof cause === 'object' && cause !== null
  return {
    ...(details as StatusDetails),
    ...(Array.isArray(causes) && { causes: causes.filter(isCause) }),
    ...(typeof retryAfterSeconds === 'number' && { retryAfterSeconds }),
  }
}

const errorCode = (status: number, reason: string): string =>
  reason ? `API_${reason.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}` : `API_HTTP_${status}`

function blame(status: number): { fault: Fault; remedy?: string; exitCode?: number } {
  if (status === 401)
    return { fault: 'user', remedy: 'renew the credentials of the kubeconfig (token, client certificate)', exitCode: 5 }
  if (status === 403)
    return { fault: 'user', remedy: 'grant the user or service account this verb on this resource (RBAC)', exitCode: 5 }
  return { fault: 'peer' }
}

/** The object, or the path itself, is not there (404). */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404

/** The server does not know who asks, or no longer (401). */
export const isUnauthorized = (error: unknown): boolean => error instanceof ApiError && error.status === 401

/** The object was created by someone else meanwhile, or its generated name is taken. */
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof ApiError && error.reason === 'AlreadyExists'

/** Written over a stale resourceVersion, a failed precondition, or (apply) a field that another manager owns. Not `AlreadyExists`, though both are 409. */
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409 && error.reason !== 'AlreadyExists'

/** A patch that names a uid met another object: the one that was meant was deleted, and its name was given again. (A real server says 422, not 409.) */
export const isRecreated = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.status === 422 &&
  (error.details?.causes ?? []).some(({ field }) => field === 'metadata.uid')

/** The resourceVersion or continue token is older than what the server remembers (410, reason Expired or Gone): list anew. */
export const isGone = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')

/** The server could not be asked, or its answer broke off: nothing is known of the call's effect. */
export const isNetworkError = (error: unknown): boolean =>
  error instanceof WeftError && (error.code === 'API_UNREACHABLE' || error.code === 'API_TIMEOUT')

/** Whoever called, or a limit of his, ended the call. */
export const isCancelled = (error: unknown): boolean => error instanceof WeftError && error.code === 'API_CANCELLED'

/** A failure below HTTP. `origin` is the server's address. */
export function networkError(cause: unknown, origin: string): WeftError {
  const text = cause instanceof Error ? textOfError(cause) : String(cause)
  return new WeftError(`cannot talk to the API server: ${describe(cause) ?? text}`, {
    code: 'API_UNREACHABLE',
    fault: 'peer',
    where: origin,
    remedy: remedyFor(cause),
    cause,
  })
}

/** Of an answer that broke off, whatever of, node says no more than "aborted". */
const textOfError = ({ message, code = '' }: NodeJS.ErrnoException): string =>
  message === 'aborted' ? 'the connection broke off in the middle of an answer' : message || code

/** Node gathers one error an address when a name has several. */
function describe(cause: unknown): string | undefined {
  if (!(cause instanceof AggregateError)) return undefined
  return cause.errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; ')
}

function remedyFor(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (code.includes('CERT') || code.includes('SIGNATURE') || code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return "check the cluster's certificate-authority, and that its certificate names the server's address"
  return 'check that the API server runs and that its address and port can be reached from here'
}

export const timeoutError = (origin: string, what: string, seconds: number): WeftError =>
  new WeftError(`no answer from the API server within ${seconds} s (${what})`, {
    code: 'API_TIMEOUT',
    fault: 'peer',
    where: origin,
    remedy: 'check that the API server is not overloaded and that the network between lets its answers through',
  })

export const cancelledError = (cause: unknown): WeftError =>
  new WeftError('the call to the API was cancelled', { code: 'API_CANCELLED', fault: 'cancelled', cause })

/** What came back is no Kubernetes API answer. */
export const malformedError = (message: string, where: string, cause?: unknown): WeftError =>
  new WeftError(message, {
    code: 'API_MALFORMED',
    fault: 'peer',
    where,
    remedy: 'check that the server address leads to a Kubernetes API and not to a proxy or login page',
    cause,
  })
