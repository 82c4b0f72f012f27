import { type Json, sameJson } from '../access.ts'
import { type FieldError, invalidValue } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'

/** The number is written even when it is zero. */
export function defaultControllerRevision(revision: Json): void {
  fill(revision, 'revision', 0)
}

export function controllerRevisionErrors(revision: Json, old: Json | undefined): FieldError[] {
  const number = revision['revision']
  const negative = typeof number === 'number' && number < 0
  return [
    ...(negative ? [invalidValue('revision', number, 'must be greater than or equal to 0')] : []),
    ...(old !== undefined && !sameJson(old['data'], revision['data'])
      ? [invalidValue('data', revision['data'], 'field is immutable')]
      : []),
  ]
}
