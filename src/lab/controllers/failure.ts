/** What an error of the store says in the words of a `Status` object: HTTP code, reason, and the reasons of its causes. */
export interface Failure {
  code: number | undefined
  reason: string | undefined
  causes: string[]
}

interface StatusLike {
  code?: unknown
  reason?: unknown
  details?: { causes?: { reason?: string }[] }
}

/** Reads a `StatusError` by its shape: the Status object in `status`, or its fields on the error itself. */
function failureOf(error: unknown): Failure {
  const outer = (error ?? {}) as StatusLike & { status?: StatusLike }
  const status = typeof outer.status === 'object' ? outer.status : outer
  return {
    code: typeof status.code === 'number' ? status.code : undefined,
    reason: typeof status.reason === 'string' ? status.reason : undefined,
    causes: (status.details?.causes ?? []).map((cause) => cause.reason ?? ''),
  }
}

/** 409 because someone else wrote first, or because a generated name is taken: look again. */
export const isConflict = (error: unknown): boolean =>
  ['Conflict', 'AlreadyExists'].includes(failureOf(error).reason ?? '')

export const isAlreadyExists = (error: unknown): boolean => failureOf(error).reason === 'AlreadyExists'

export const isNotFound = (error: unknown): boolean => failureOf(error).reason === 'NotFound'

/** The namespace is being deleted and takes nothing new: nothing to retry, the owner will go too. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  failureOf(error).causes.includes('NamespaceTerminating')

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
