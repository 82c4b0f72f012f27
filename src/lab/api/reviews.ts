import { type Json, mapOf } from './access.ts'
import type { User } from './authorization.ts'
import { invalidValue } from './field-errors.ts'
import { badRequest, invalid } from './status.ts'

/** Who asks, and whom the server knows. */
export interface Asker {
  user: User
  /** The user that a token stands for. */
  userOf: (token: string) => User | undefined
}

/** Answers a review: an object that is not stored. @throws StatusError */
export type Review = (object: Json, asker: Asker, now: Date) => Json

const allMayDo = (groups: readonly unknown[]): boolean => groups.includes('system:masters')

/** @throws StatusError 422 unless exactly one of the two kinds of attributes is given */
function checkAttributes(spec: Json): void {
  const { resourceAttributes, nonResourceAttributes } = spec
  if ((resourceAttributes === undefined) !== (nonResourceAttributes === undefined)) return
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
  return reviewed(object, { allowed: allMayDo(user.groups) })
}

/** SubjectAccessReview and, for one namespace, LocalSubjectAccessReview: of a user who is named. */
export const accessReview: Review = (object) => {
  const spec = mapOf(object['spec'])
  checkAttributes(spec)
  const groups: unknown = spec['groups']
  return reviewed(object, { allowed: Array.isArray(groups) && allMayDo(groups) })
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
  const everything = allMayDo(user.groups)
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

const info = (user: User): Json => ({ username: user.name, uid: user.uid, groups: [...user.groups] })

/** SelfSubjectReview: `kubectl auth whoami`. */
export const selfReview: Review = ({ kind, apiVersion }, { user }, now) => ({
  kind,
  apiVersion,
  metadata: { creationTimestamp: `${now.toISOString().slice(0, 19)}Z` },
  status: { userInfo: info(user) },
})

const audience = 'https://kubernetes.default.svc'

/** TokenReview. */
export const tokenReview: Review = (object, { userOf }) => {
  const user = userOf(String(mapOf(object['spec'])['token'] ?? ''))
  if (user === undefined) return reviewed(object, { user: {}, error: 'invalid bearer token' })
  return reviewed(object, { authenticated: true, user: info(user), audiences: [audience] })
}
