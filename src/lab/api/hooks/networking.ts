import { isMap, type Json, listOf, mapOf, sameJson } from '../access.ts'
import { type FieldError, invalidValue, required } from '../field-errors.ts'
import type { HookContext } from '../kind.ts'
import { fill } from './pod-defaults.ts'

/** What a policy selects says which types it has: Egress only with rules for it. */
export function defaultNetworkPolicy(policy: Json): void {
  policy['spec'] = mapOf(policy['spec'])
  const spec = policy['spec'] as Json
  fill(spec, 'podSelector', {})
  for (const rule of [...listOf(spec['ingress']), ...listOf(spec['egress'])])
    for (const port of listOf(rule['ports'])) fill(port, 'protocol', 'TCP')
  const egress = listOf(spec['egress']).length > 0
  fill(spec, 'policyTypes', egress ? ['Ingress', 'Egress'] : ['Ingress'])
}

const defaultClass = 'ingressclass.kubernetes.io/is-default-class'

/** A new Ingress without a class gets the default one, the newest if there are several, then by name (admission plugin DefaultIngressClass). */
export function admitIngress(ingress: Json, context: HookContext): void {
  const spec = mapOf(ingress['spec'])
  const annotations = mapOf(mapOf(ingress['metadata'])['annotations'])
  if (spec['ingressClassName'] !== undefined || annotations['kubernetes.io/ingress.class'] !== undefined) return
  const made = (one: Json): string => String(mapOf(one['metadata'])['creationTimestamp'])
  const [newest] = context
    .list('ingressclasses')
    .filter((one) => mapOf(mapOf(one['metadata'])['annotations'])[defaultClass] === 'true')
    .sort((a, b) => (made(a) === made(b) ? 0 : made(a) < made(b) ? 1 : -1))
  if (newest !== undefined) spec['ingressClassName'] = mapOf(newest['metadata'])['name']
}

export function defaultIngress(ingress: Json): void {
  ingress['spec'] = mapOf(ingress['spec'])
}

export function defaultIngressClass(ingressClass: Json): void {
  ingressClass['spec'] = mapOf(ingressClass['spec'])
  const parameters = mapOf(ingressClass['spec'])['parameters']
  if (isMap(parameters)) fill(parameters, 'scope', 'Cluster')
}

export function ingressClassErrors(ingressClass: Json, old: Json | undefined): FieldError[] {
  const controller = mapOf(ingressClass['spec'])['controller']
  const before = mapOf(old?.['spec'])['controller']
  if (old !== undefined && controller !== before)
    return [invalidValue('spec.controller', controller, 'field is immutable')]
  if (!controller) return [required('spec.controller')]
  const prefixed = /^[^/]+\/.+$/.test(String(controller))
  const words = 'must be a domain-prefixed path (such as "acme.io/foo")'
  return prefixed ? [] : [invalidValue('spec.controller', controller, words)]
}

export const addressErrors = (address: Json, old: Json | undefined): FieldError[] => {
  const reference = mapOf(mapOf(address['spec'])['parentRef'])
  if (old !== undefined && !sameJson(address['spec'], old['spec']))
    return [invalidValue('spec', address['spec'], 'field is immutable')]
  return ['resource', 'name'].filter((part) => !reference[part]).map((part) => required(`spec.parentRef.${part}`))
}
