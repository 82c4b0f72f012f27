import { noRepresentation, notAcceptable } from './status.ts'

/** The form in which an answer is wanted. */
export interface Form {
  type: 'json' | 'yaml' | 'table' | 'metadata'
  /** Version of meta.k8s.io, for a Table or PartialObjectMetadata. */
  version: 'v1' | 'v1beta1'
}

/** The first of the media types of an Accept header that is served. @throws StatusError 406 */
export function formOf(accept: string | undefined): Form {
  const ranges = (accept ?? '*/*').split(',').map((range) => range.split(';').map((part) => part.trim()))
  for (const [type = '', ...parameters] of ranges) {
    const form = served(type.toLowerCase(), new Map(parameters.map((p) => p.split('=', 2) as [string, string])))
    if (form !== undefined) return form
  }
  throw ranges.some(([, ...parameters]) => parameters.some((p) => p.startsWith('as=')))
    ? notAcceptable()
    : noRepresentation()
}

function served(type: string, parameters: ReadonlyMap<string, string>): Form | undefined {
  const as = parameters.get('as')
  const version = parameters.get('v') ?? 'v1'
  if (as !== undefined) {
    const known = type === 'application/json' && (version === 'v1' || version === 'v1beta1')
    if (!known || parameters.get('g') !== 'meta.k8s.io') return undefined
    if (as === 'Table') return { type: 'table', version }
    return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList'
      ? { type: 'metadata', version }
      : undefined
  }
  if (type === 'application/json' || type === 'application/*' || type === '*/*') return { type: 'json', version: 'v1' }
  return type === 'application/yaml' ? { type: 'yaml', version: 'v1' } : undefined
}
