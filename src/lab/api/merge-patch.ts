import { fieldAt, isMap, type Json, setField } from './access.ts'
import { badRequest } from './status.ts'

/** JSON merge patch (RFC 7386). @throws StatusError 400 if the patch is no object */
export function applyMergePatch(document: Json, patch: unknown): Json {
  if (!isMap(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}')
  return merge(document, patch) as Json
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return structuredClone(patch)
  const result: Json = isMap(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else setField(result, key, merge(fieldAt(result, key), value))
  }
  return result
}
