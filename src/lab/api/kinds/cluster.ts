import { disruptionBudgetColumns } from '../columns/batch.ts'
import * as columns from '../columns/cluster.ts'
import * as admission from '../hooks/admission.ts'
import * as limits from '../hooks/limits.ts'
import * as rules from '../hooks/rules.ts'
import type { Kind } from '../kind.ts'
import { pathSegmentErrors } from '../names.ts'
import { kind, type Named } from './define.ts'

/** policy/v1: stored; no eviction is refused for it. */
export const policyKinds: readonly Kind[] = [
  kind({
    group: 'policy',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    shortNames: ['pdb'],
    statusSubresource: true,
    generation: true,
    needsVersion: true,
    columns: disruptionBudgetColumns,
    initialStatus: limits.budgetStatus,
    validate: limits.budgetErrors,
  }),
]

const rbac = {
  group: 'rbac.authorization.k8s.io',
  createOnUpdate: true,
  nameErrors: pathSegmentErrors,
} satisfies Partial<Named>
const role = {
  ...rbac,
  columns: columns.roleColumns,
  defaults: rules.defaultRole,
} satisfies Partial<Named>
const binding = {
  ...rbac,
  columns: columns.bindingColumns,
  defaults: rules.defaultBinding,
  validate: rules.bindingErrors,
} satisfies Partial<Named>

/** rbac.authorization.k8s.io/v1: stored; whoever has the token may do everything. */
export const rbacKinds: readonly Kind[] = [
  kind({ ...binding, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false }),
  kind({
    ...role,
    kind: 'ClusterRole',
    plural: 'clusterroles',
    namespaced: false,
    validate: rules.clusterRoleErrors,
  }),
  kind({ ...binding, kind: 'RoleBinding', plural: 'rolebindings' }),
  kind({ ...role, kind: 'Role', plural: 'roles', validate: rules.roleErrors }),
]

const hook = {
  group: 'admissionregistration.k8s.io',
  categories: ['api-extensions'],
  namespaced: false,
  generation: true,
  needsVersion: true,
} satisfies Partial<Named>
const webhooks = {
  ...hook,
  columns: columns.webhookColumns,
  validate: admission.webhookErrors,
} satisfies Partial<Named>
const policy = {
  ...hook,
  defaults: admission.defaultAdmissionPolicy,
} satisfies Partial<Named>
const policyBinding = {
  ...hook,
  columns: columns.policyBindingColumns,
  defaults: admission.defaultPolicyBinding,
} satisfies Partial<Named>

/** admissionregistration.k8s.io/v1: stored; nothing is called and no rule is evaluated. */
export const admissionKinds: readonly Kind[] = [
  kind({
    ...policy,
    kind: 'MutatingAdmissionPolicy',
    plural: 'mutatingadmissionpolicies',
    columns: columns.mutatingPolicyColumns,
  }),
  kind({ ...policyBinding, kind: 'MutatingAdmissionPolicyBinding', plural: 'mutatingadmissionpolicybindings' }),
  kind({
    ...webhooks,
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    defaults: admission.defaultMutatingWebhooks,
  }),
  kind({
    ...policy,
    kind: 'ValidatingAdmissionPolicy',
    plural: 'validatingadmissionpolicies',
    statusSubresource: true,
    columns: columns.admissionPolicyColumns,
    initialStatus: () => ({}),
  }),
  kind({ ...policyBinding, kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings' }),
  kind({
    ...webhooks,
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    defaults: admission.defaultValidatingWebhooks,
  }),
]

/** scheduling.k8s.io/v1. */
export const schedulingKinds: readonly Kind[] = [
  kind({
    group: 'scheduling.k8s.io',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    shortNames: ['pc'],
    namespaced: false,
    generation: true,
    columns: columns.priorityClassColumns,
    defaults: limits.defaultPriorityClass,
    validate: limits.priorityClassErrors,
  }),
]

/** node.k8s.io/v1. */
export const nodeKinds: readonly Kind[] = [
  kind({
    group: 'node.k8s.io',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    namespaced: false,
    needsVersion: true,
    columns: columns.runtimeClassColumns,
    validate: limits.runtimeClassErrors,
  }),
]

/** apiregistration.k8s.io/v1: stored; no request is passed on to another server. */
export const registrationKinds: readonly Kind[] = [
  kind({
    group: 'apiregistration.k8s.io',
    kind: 'APIService',
    plural: 'apiservices',
    categories: ['api-extensions'],
    namespaced: false,
    statusSubresource: true,
    statusMetadata: [],
    needsVersion: true,
    nameErrors: pathSegmentErrors,
    columns: columns.apiServiceColumns,
    defaults: limits.defaultApiService,
    initialStatus: () => ({}),
    validate: limits.apiServiceErrors,
  }),
]
