import { type Fault, WeftError } from '../../model/error.ts'
import type { FieldError } from './field-errors.ts'
import type { Kind } from './kind.ts'

/** metav1.StatusDetails, as far as it is used. */
export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: Array<{ reason?: string; message?: string; field?: string }>
  retryAfterSeconds?: number
}

/** metav1.Status: what a failed request is answered with. */
export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: { continue?: string }
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: StatusDetails
  code?: number
}

/** An error that a request is answered with; `status.code` is the HTTP status, `code` is `API_` and the reason. */
export class StatusError extends WeftError {
  readonly status: Status & { code: number }

  constructor(httpCode: number, reason: string | undefined, message: string, details?: StatusDetails) {
    super(message, { code: `API_${(reason ?? 'Unknown').toUpperCase()}`, fault: faultOf(httpCode) })
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code: httpCode,
    }
  }
}

const faultOf = (httpCode: number): Fault => (httpCode >= 500 ? 'internal' : 'user')

type Named = Pick<Kind, 'group' | 'plural' | 'kind'>

/** `deployments.apps`, as messages name a resource. */
const qualified = (kind: Named): string => (kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`)

const detailsOf = (kind: Named, name: string | undefined): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(kind.group === '' ? {} : { group: kind.group }),
  kind: kind.plural,
})

export const notFound = (kind: Named, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualified(kind)} "${name}" not found`, detailsOf(kind, name))

/** The answer where a path, version, resource or subresource is not known at all. */
export const noSuchResource = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const alreadyExists = (kind: Named, name: string, beingDeleted = false): StatusError =>
  new StatusError(
    409,
    'AlreadyExists',
    `${beingDeleted ? 'object is being deleted: ' : ''}${qualified(kind)} "${name}" already exists`,
    detailsOf(kind, name),
  )

export const conflict = (kind: Named, name: string, why: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`,
    detailsOf(kind, name),
  )

export const staleVersion = (kind: Named, name: string): StatusError =>
  conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again')

export const forbidden = (
  kind: Named,
  name: string,
  why: string,
  causes?: NonNullable<StatusDetails['causes']>,
): StatusError =>
  new StatusError(403, 'Forbidden', `${qualified(kind)} "${name}" is forbidden: ${why}`, {
    ...detailsOf(kind, name),
    ...(causes === undefined ? {} : { causes }),
  })

/** 422 with one cause a field; `kind` is the kind's name, not the resource's. */
export function invalid(kind: Pick<Kind, 'group' | 'kind'>, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))]
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return new StatusError(422, 'Invalid', `${subject} "${name}" is invalid: ${list}`, {
    ...(name ? { name } : {}),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  })
}

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message)

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized')

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message)

export const tooLargeVersion = (wanted: string, current: string): StatusError =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })

const bodyTypes = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'

export const unsupportedBody = (accepted: string = bodyTypes): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  )

export const notAcceptable = (): StatusError =>
  new StatusError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: application/json, application/yaml`,
  )

/** The same where no form of an object is known by the name at all. */
export const noRepresentation = (): StatusError =>
  new StatusError(
    406,
    'NotAcceptable',
    '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml',
    {},
  )

export const internalError = (message: string): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
