import { type FieldError, forbiddenField, invalidValue } from '../field-errors.ts'
import { isTrue } from '../request.ts'
import { badRequest, invalid } from '../status.ts'

const numbers = [
  { field: 'sinceSeconds', least: 1, words: 'must be greater than 0' },
  { field: 'tailLines', least: 0, words: 'must be greater than or equal to 0' },
  { field: 'limitBytes', least: 1, words: 'must be greater than 0' },
] as const

const flags = ['follow', 'previous', 'timestamps'] as const

/**
 * What a kubelet is asked about a log, from the query of pods/log (PodLogOptions, core/v1).
 *
 * @throws StatusError 400 for what is no number or time, 422 for one out of its range
 */
export function logQuery(query: URLSearchParams): URLSearchParams {
  const errors = numbers.flatMap((number) => numberErrors(query, number))
  const sinceTime = query.get('sinceTime')
  if (sinceTime !== null && Number.isNaN(Date.parse(sinceTime)))
    throw badRequest(`parsing time "${sinceTime}" as "2006-01-02T15:04:05Z07:00": cannot parse "${sinceTime}"`)
  if (sinceTime !== null && query.get('sinceSeconds') !== null)
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', errors)
  return passedOn(query)
}

function numberErrors(query: URLSearchParams, { field, least, words }: (typeof numbers)[number]): FieldError[] {
  const text = query.get(field)
  if (text === null) return []
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`)
  return Number(text) < least ? [invalidValue(field, Number(text), words)] : []
}

function passedOn(query: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams()
  for (const flag of flags) if (isTrue(query.get(flag))) passed.set(flag, 'true')
  for (const field of ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes']) {
    const value = query.get(field)
    if (value !== null) passed.set(field, value)
  }
  return passed
}
