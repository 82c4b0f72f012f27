import { isMap, type Json, listOf, mapOf } from '../access.ts'
import { type FieldError, required } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'

function defaultMatch(match: Json): void {
  fill(match, 'matchPolicy', 'Equivalent')
  fill(match, 'namespaceSelector', {})
  fill(match, 'objectSelector', {})
  const rules = [...listOf(match['resourceRules']), ...listOf(match['excludeResourceRules']), ...listOf(match['rules'])]
  for (const rule of rules) fill(rule, 'scope', '*')
}

function defaultWebhook(webhook: Json): void {
  fill(webhook, 'failurePolicy', 'Fail')
  defaultMatch(webhook)
  fill(webhook, 'timeoutSeconds', 10)
  const service = mapOf(webhook['clientConfig'])['service']
  if (isMap(service)) fill(service, 'port', 443)
}

export function defaultValidatingWebhooks(configuration: Json): void {
  for (const webhook of listOf(configuration['webhooks'])) defaultWebhook(webhook)
}

export function defaultMutatingWebhooks(configuration: Json): void {
  for (const webhook of listOf(configuration['webhooks'])) {
    defaultWebhook(webhook)
    fill(webhook, 'reinvocationPolicy', 'Never')
  }
}

export const webhookErrors = (configuration: Json): FieldError[] =>
  listOf(configuration['webhooks']).flatMap((webhook, i) =>
    ['name', 'clientConfig', 'sideEffects', 'admissionReviewVersions']
      .filter((field) => webhook[field] === undefined)
      .map((field) => required(`webhooks[${i}].${field}`)),
  )

export function defaultAdmissionPolicy(policy: Json): void {
  policy['spec'] = mapOf(policy['spec'])
  fill(policy['spec'] as Json, 'failurePolicy', 'Fail')
  const constraints = mapOf(policy['spec'])['matchConstraints']
  if (isMap(constraints)) defaultMatch(constraints)
}

export function defaultPolicyBinding(binding: Json): void {
  const match = mapOf(binding['spec'])['matchResources']
  if (isMap(match)) defaultMatch(match)
}
