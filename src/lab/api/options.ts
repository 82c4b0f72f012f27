import { type Json, mapOf, textOf } from './access.ts'
import { type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from './field-errors.ts'
import { isTrue } from './request.ts'
import { badRequest, invalid, StatusError, tooLargeVersion } from './status.ts'
import type { DeleteOptions } from './types.ts'

type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions' | 'ListOptions'

function refuse(kind: OptionsKind, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors)
}

/** `dryRun=All`, checked. @throws StatusError 422 */
export function isDryRun(query: URLSearchParams, kind: OptionsKind, body: Json = {}): boolean {
  const given = [...query.getAll('dryRun'), ...(Array.isArray(body['dryRun']) ? body['dryRun'] : [])]
  const wanted = given.filter((value) => value !== '')
  if (wanted.some((value) => value !== 'All')) refuse(kind, [notSupported('dryRun', wanted, ['All'])])
  return wanted.length > 0
}

/** What a PATCH may ask for besides dryRun. @throws StatusError 422 */
export function checkPatchOptions(query: URLSearchParams, isApply: boolean): void {
  const errors: FieldError[] = []
  const manager = query.get('fieldManager') ?? ''
  if (isApply && manager === '') errors.push(required('fieldManager', 'is required for apply patch'))
  if (!isApply && query.has('force')) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  refuse('PatchOptions', [...errors, ...writeErrors(query)])
}

/** What every write may ask for. @throws StatusError 422 */
export function checkWriteOptions(query: URLSearchParams, kind: OptionsKind): void {
  refuse(kind, writeErrors(query))
}

const maxManagerBytes = 128
const validations = ['', 'Ignore', 'Strict', 'Warn'] as const

function writeErrors(query: URLSearchParams): FieldError[] {
  const manager = query.get('fieldManager') ?? ''
  const errors: FieldError[] = []
  if (Buffer.byteLength(manager) > maxManagerBytes) errors.push(tooLong('fieldManager', maxManagerBytes))
  if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(manager))
    errors.push(invalidValue('fieldManager', manager, 'should only contain printable characters'))
  const validation = query.get('fieldValidation') ?? ''
  if (!validations.some((known) => known === validation))
    errors.push(notSupported('fieldValidation', validation, validations))
  return errors
}

/** How a real server names the scheme that knows options. */
const optionsScheme = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27'

const policies = ['Foreground', 'Background', 'Orphan'] as const

/** DeleteOptions from body, of which the types are right, and query. @throws StatusError 400 or 422 */
export function deleteOptions(query: URLSearchParams, body: Json): DeleteOptions {
  const kind = textOf(body['kind'])
  if (kind !== '' && kind !== 'DeleteOptions')
    throw badRequest(
      `no kind "${kind}" is registered for version "${textOf(body['apiVersion'])}" in scheme "${optionsScheme}"`,
    )
  const policy = body['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined
  const orphan =
    body['orphanDependents'] ?? (query.has('orphanDependents') ? isTrue(query.get('orphanDependents')) : undefined)
  if (policy !== undefined && orphan !== undefined)
    refuse('DeleteOptions', [
      invalidValue('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'),
    ])
  if (policy !== undefined && !policies.includes(policy))
    refuse('DeleteOptions', [notSupported('propagationPolicy', policy, [...policies, 'nil'])])
  const grace = body['gracePeriodSeconds'] ?? numberOf(query.get('gracePeriodSeconds'))
  return {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(policy === undefined && orphan === undefined
      ? {}
      : { propagationPolicy: policy ?? (orphan === true ? 'Orphan' : 'Background') }),
    preconditions: mapOf(body['preconditions']),
  }
}

/** An integer of a query. @throws StatusError 400 */
export function numberOf(text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  const wrong = (why: string): StatusError => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`)
  if (!/^[-+]?\d+$/.test(text)) throw wrong('invalid syntax')
  const value = Number(text)
  // 2⁶³ itself is none of an int64 any more; what is as near as a double can tell is taken for it.
  if (value >= 2 ** 63 || value < -(2 ** 63)) throw wrong('value out of range')
  return value
}

/** What a list or watch asks for besides its selectors. */
export interface ListOptions {
  /** Undefined: not given. */
  resourceVersion: number | undefined
  exact: boolean
  limit: number
  token: string | undefined
  sendInitialEvents: boolean | undefined
  bookmarks: boolean
  timeoutSeconds: number | undefined
}

/** @throws StatusError 400 or 422 */
export function listOptions(query: URLSearchParams, watching: boolean): ListOptions {
  const initial = query.get('sendInitialEvents')
  const resourceVersion = versionOf(query.get('resourceVersion'), watching)
  const limit = Math.max(0, numberOf(query.get('limit')) ?? 0)
  const token = query.get('continue') || undefined
  const match = query.get('resourceVersionMatch') ?? ''
  // Pages at a version, as they were asked for before there was resourceVersionMatch.
  const pages = match === '' && limit > 0 && (resourceVersion ?? 0) > 0 && token === undefined
  const options: ListOptions = {
    resourceVersion,
    exact: match === 'Exact' || pages,
    limit,
    token,
    sendInitialEvents: initial === null || initial === '' ? undefined : isTrue(initial),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: numberOf(query.get('timeoutSeconds')),
  }
  refuse('ListOptions', matchErrors(query, options, watching))
  return options
}

function versionOf(text: string | null, watching: boolean): number | undefined {
  if (text === null || text === '') return undefined
  const isNumber = /^\d+$/.test(text)
  if (isNumber && Number(text) < 2 ** 64) return Number(text)
  const why = isNumber ? 'value out of range' : 'invalid syntax'
  const words = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`
  throw watching ? new StatusError(500, undefined, words) : badRequest(`invalid resource version: ${words}`)
}

function matchErrors(query: URLSearchParams, options: ListOptions, watching: boolean): FieldError[] {
  const field = 'resourceVersionMatch'
  const match = query.get(field) ?? ''
  if (watching) {
    if (options.sendInitialEvents !== undefined)
      return match === 'NotOlderThan'
        ? []
        : [forbiddenField(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')]
    return match === ''
      ? []
      : [forbiddenField(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')]
  }
  const errors: FieldError[] = []
  if (match !== '' && options.resourceVersion === undefined)
    errors.push(forbiddenField(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
  else if (match === 'Exact' && options.resourceVersion === 0)
    errors.push(forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  else if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan')
    errors.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']))
  if (options.sendInitialEvents !== undefined)
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  return errors
}

/** @throws StatusError 504 for a version that has not been yet */
export function checkNotFuture(wanted: number | undefined, current: string): void {
  if (wanted !== undefined && wanted > Number(current)) throw tooLargeVersion(String(wanted), current)
}
