import type { Kind } from '../kind.ts'
import * as reviews from '../reviews.ts'
import { kind } from './define.ts'

const authentication = 'authentication.k8s.io'
const authorization = 'authorization.k8s.io'

/** Questions: they are answered and not stored. */
export const reviewKinds: readonly Kind[] = [
  kind({
    group: authentication,
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    namespaced: false,
    review: reviews.selfReview,
  }),
  kind({
    group: authentication,
    kind: 'TokenReview',
    plural: 'tokenreviews',
    namespaced: false,
    review: reviews.tokenReview,
  }),
  kind({
    group: authorization,
    kind: 'LocalSubjectAccessReview',
    plural: 'localsubjectaccessreviews',
    review: reviews.accessReview,
  }),
  kind({
    group: authorization,
    kind: 'SelfSubjectAccessReview',
    plural: 'selfsubjectaccessreviews',
    namespaced: false,
    review: reviews.selfAccessReview,
  }),
  kind({
    group: authorization,
    kind: 'SelfSubjectRulesReview',
    plural: 'selfsubjectrulesreviews',
    namespaced: false,
    review: reviews.rulesReview,
  }),
  kind({
    group: authorization,
    kind: 'SubjectAccessReview',
    plural: 'subjectaccessreviews',
    namespaced: false,
    review: reviews.accessReview,
  }),
]
