import { type Json, listOf, mapOf, sameJson } from '../access.ts'
import { type FieldError, invalidValue, notSupported, required } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'

const rbac = 'rbac.authorization.k8s.io'

/** `rules` is written even when there are none. */
export function defaultRole(role: Json): void {
  fill(role, 'rules', null)
}

export function defaultBinding(binding: Json): void {
  fill(mapOf(binding['roleRef']), 'apiGroup', rbac)
  for (const subject of listOf(binding['subjects']))
    if (subject['kind'] === 'User' || subject['kind'] === 'Group') fill(subject, 'apiGroup', rbac)
}

export const clusterRoleErrors = (role: Json): FieldError[] =>
  listOf(role['rules']).flatMap((rule, i) => [
    ...(listLength(rule['verbs']) === 0
      ? [required(`rules[${i}].verbs`, 'verbs must contain at least one value')]
      : []),
    ...ruleTargetErrors(rule, i),
  ])

/** Paths that are no resource's belong to no namespace. */
export const roleErrors = (role: Json): FieldError[] => [
  ...listOf(role['rules']).flatMap((rule, i) =>
    listLength(rule['nonResourceURLs']) === 0
      ? []
      : [
          invalidValue(
            `rules[${i}].nonResourceURLs`,
            rule['nonResourceURLs'],
            'namespaced rules cannot apply to non-resource URLs',
          ),
        ],
  ),
  ...clusterRoleErrors(role),
]

const listLength = (value: unknown): number => (Array.isArray(value) ? value.length : 0)

function ruleTargetErrors(rule: Json, i: number): FieldError[] {
  if (listLength(rule['nonResourceURLs']) > 0) return []
  return [
    ...(listLength(rule['apiGroups']) === 0
      ? [required(`rules[${i}].apiGroups`, 'resource rules must supply at least one api group')]
      : []),
    ...(listLength(rule['resources']) === 0
      ? [required(`rules[${i}].resources`, 'resource rules must supply at least one resource')]
      : []),
  ]
}

export function bindingErrors(binding: Json, old: Json | undefined): FieldError[] {
  const reference = mapOf(binding['roleRef'])
  if (old !== undefined && !sameJson(reference, old['roleRef']))
    return [invalidValue('roleRef', reference, 'cannot change roleRef')]
  const kinds = ['Role', 'ClusterRole']
  return [
    ...(kinds.includes(String(reference['kind']))
      ? []
      : [notSupported('roleRef.kind', reference['kind'] ?? '', kinds)]),
    ...(reference['name'] ? [] : [required('roleRef.name')]),
    ...listOf(binding['subjects']).flatMap((subject, i) => subjectErrors(subject, i, binding)),
  ]
}

function subjectErrors(subject: Json, i: number, binding: Json): FieldError[] {
  const known = ['ServiceAccount', 'User', 'Group']
  if (!subject['name']) return [required(`subjects[${i}].name`)]
  if (!known.includes(subject['kind'])) return [notSupported(`subjects[${i}].kind`, subject['kind'] ?? '', known)]
  const everywhere = mapOf(binding['metadata'])['namespace'] === undefined
  return subject['kind'] === 'ServiceAccount' && everywhere && !subject['namespace']
    ? [required(`subjects[${i}].namespace`)]
    : []
}
