import { type Json, mapOf } from './access.ts'
import { mediaTypeOf, parseJson, readBody } from './body.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { mergeTreeOf } from './merge-trees.ts'
import type { ResourceRequest } from './request.ts'
import { badRequest, StatusError, unsupportedBody } from './status.ts'
import { applyStrategicPatch } from './strategic-patch.ts'

/** The namespace is the path's; the object may name it too. @throws StatusError 400 if it names another */
export function place(object: Json, namespace: string | undefined): void {
  const metadata = mapOf(object['metadata'])
  object['metadata'] = metadata
  if (namespace === undefined) return
  if (metadata['namespace'] && metadata['namespace'] !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  metadata['namespace'] = namespace
}

/** The name is the path's; the object may name it too. @throws StatusError 400 if it names another */
export function checkName(object: Json, name: string): void {
  const given = mapOf(object['metadata'])['name']
  if (given !== undefined && given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  mapOf(object['metadata'])['name'] = name
}

const patchTypes = 'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json'

const customPatchTypes = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml'

/** The change that a PATCH asks for, other than server-side apply. @throws StatusError 400 or 415 */
export async function patchOf({ message, kind }: ResourceRequest): Promise<(object: Json) => Json> {
  const type = mediaTypeOf(message)
  if (kind.custom !== undefined && type === 'application/strategic-merge-patch+json')
    throw unsupportedBody(customPatchTypes)
  const known = patchTypes.split(', ').includes(type)
  if (!known) throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  const patch = parseJson(await readBody(message), (problem) => `error decoding patch: ${problem}`)
  if (type === 'application/json-patch+json') return (object) => applyJsonPatch(object, patch)
  if (type === 'application/merge-patch+json') return (object) => applyMergePatch(object, patch)
  return (object) => applyStrategicPatch(object, patch, mergeTreeOf(kind))
}
