import type { Kind } from './kind.ts'
import { StatusError } from './status.ts'

/** An error of the store about objects that another version shows: it names the resource as the client asked for it. */
export function asAsked(error: unknown, kind: Pick<Kind, 'group' | 'plural' | 'view'>): unknown {
  if (kind.view === undefined || !(error instanceof StatusError)) return error
  const { code, reason, message = '', details } = error.status
  if (details?.kind !== kind.plural) return error
  const { name, ...rest } = details
  const named = message.replace(`${kind.plural} "`, `${kind.plural}.${kind.group} "`)
  return new StatusError(code, reason, named, { ...(name === undefined ? {} : { name }), group: kind.group, ...rest })
}
