import { toUSVString } from 'node:util'
import { isMap, type Json, setField } from './access.ts'
import { checkDepth } from './depth.ts'
import { badRequest } from './status.ts'

/** What JSON.parse takes otherwise than Go's decoder is written like this (as may be much else). */
const suspect = /\\u[dD][89a-fA-F]|[eE]\+?\d{3}|\d{309}/

/**
 * The value of a JSON text as Go's decoder has it: half of a surrogate pair alone is U+FFFD.
 * @throws SyntaxError for what is no JSON; StatusError 400 for what is nested too deeply, or a number that no float64 holds
 */
export function parseValue(json: string): unknown {
  const value = checkDepth(JSON.parse(json) as unknown)
  return suspect.test(json) ? asInGo(value) : value
}

function asInGo(value: unknown): unknown {
  if (typeof value === 'string') return toUSVString(value)
  if (Array.isArray(value)) return value.map(asInGo)
  if (isMap(value)) return fieldsAsInGo(value)
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw badRequest('json: cannot unmarshal number into Go value of type float64')
}

function fieldsAsInGo(map: Json): Json {
  const result: Json = {}
  for (const [key, field] of Object.entries(map)) setField(result, toUSVString(key), asInGo(field))
  return result
}
