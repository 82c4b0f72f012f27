import type { Json } from '../../src/lab/api/access.ts'
import type { EmbeddedApi } from '../../src/lab/api/server.ts'

/** Something that the recorder did without recording it: a request, or something done to the server itself. */
export type Step =
  | { method: string; path: string; body?: unknown; type?: string }
  | ((api: EmbeddedApi) => void | Promise<void>)

export const post = (path: string, body: Json): Step => ({ method: 'POST', path, body })

export const merge = (path: string, body: Json): Step => ({
  method: 'PATCH',
  path,
  body,
  type: 'application/merge-patch+json',
})
