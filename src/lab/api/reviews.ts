import { isMap, type Json, mapOf, textOf, textsOf } from './access.ts'
import { mayDoAll, type User } from './authorization.ts'
import { invalidValue } from './field-errors.ts'
import { badRequest, invalid } from './status.ts'
import type { Authentication } from './tokens/tokens.ts'

/** Who asks, and whom the server knows. */
export interface Asker {
  user: User
  /** Whom a token stands for. Without audiences it has to be one for the API. */
  authenticate: (token: string, audiences: readonly string[]) => Authentication
}

/** Answers a review: an object that is not stored. @throws StatusError */
export type Review = (object: Json, asker: Asker, now: Date) => Json

/** @throws StatusError 422 unless exactly one of the two kinds of attributes is given */
function checkAttributes(spec: Json): void {
  const { resourceAttributes, nonResourceAttributes } = spec
  if (isMap(resourceAttributes) !== isMap(nonResourceAttributes)) return
  const words = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
  const error = invalid({ group: 'authorization.k8s.io', kind: '' }, '', [
    invalidValue('spec.resourceAttributes', resourceAttributes ?? null, words),
  ])
  // The kind is missing in the answer of the real server too.
  delete error.status.details?.kind
  throw error
}

const reviewed = (object: Json, status: Json): Json => ({
  kind: object['kind'],
  apiVersion: object['apiVersion'],
  metadata: object['metadata'] ?? {},
  spec: object['spec'] ?? {},
  status,
})

/** SelfSubjectAccessReview. */
export const selfAccessReview: Review = (object, { user }) => {
  checkAttributes(mapOf(object['spec']))
  return reviewed(object, { allowed: mayDoAll(user) })
}

/** SubjectAccessReview and, for one namespace, LocalSubjectAccessReview: of a user who is named. */
export const accessReview: Review = (object) => {
  const spec = mapOf(object['spec'])
  checkAttributes(spec)
  const user = { name: textOf(spec['user']), groups: textsOf(spec['groups']) }
  return reviewed(object, { allowed: mayDoAll(user) })
}

const rule = (verbs: string[], apiGroups: string[], resources: string[]): Json => ({ verbs, apiGroups, resources })
const pathRule = (verbs: string[], nonResourceURLs: string[]): Json => ({ verbs, nonResourceURLs })

/** What every authenticated user may do (the ClusterRoles system:basic-user, system:discovery and system:public-info-viewer). */
const ownReviews = [
  rule(['create'], ['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']),
  rule(['create'], ['authentication.k8s.io'], ['selfsubjectreviews']),
]
const openPaths = ['/healthz', '/livez', '/readyz', '/version', '/version/']
const discoveryPaths = ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz']

/** SelfSubjectRulesReview: `kubectl auth can-i --list`. */
export const rulesReview: Review = (object, { user }) => {
  if (!mapOf(object['spec'])['namespace']) throw badRequest('no namespace on request')
  const everything = mayDoAll(user)
  const status = {
    resourceRules: [...(everything ? [rule(['*'], ['*'], ['*'])] : []), ...ownReviews],
    nonResourceRules: [
      pathRule(['get'], ['/.well-known', '/.well-known/*']),
      ...(everything ? [pathRule(['*'], ['*'])] : []),
      pathRule(['get'], [...discoveryPaths, '/version', '/version/']),
      pathRule(['get'], openPaths),
    ],
    incomplete: false,
  }
  return { ...reviewed(object, status), spec: {} }
}

const info = (user: User): Json => ({
  username: user.name,
  uid: user.uid,
  groups: [...user.groups],
  ...(user.extra && { extra: user.extra }),
})

/** SelfSubjectReview: `kubectl auth whoami`. */
export const selfReview: Review = ({ kind, apiVersion }, { user }, now) => ({
  kind,
  apiVersion,
  metadata: { creationTimestamp: `${now.toISOString().slice(0, 19)}Z` },
  status: { userInfo: info(user) },
})

/** TokenReview. */
export const tokenReview: Review = (object, { authenticate }) => {
  const { token, audiences } = mapOf(object['spec'])
  const answer = authenticate(textOf(token), textsOf(audiences))
  if ('error' in answer) return reviewed(object, { user: {}, error: answer.error })
  return reviewed(object, { authenticated: true, user: info(answer.user), audiences: answer.audiences })
}
