import { type Json, listOf, mapOf, textOf } from '../access.ts'
import type { Column } from '../kind.ts'
import { selectorText } from '../label-selectors.ts'
import { age, field, name, orNone, text } from './cells.ts'

const addresses = (ingress: Json): string =>
  listOf(mapOf(mapOf(ingress['status'])['loadBalancer'])['ingress'])
    .map((one) => textOf(one['ip']) || textOf(one['hostname']))
    .filter((one) => one !== '')
    .join(',')

/** At most three hosts, then how many more there are; `*` for none. */
const hosts = (ingress: Json): string => {
  const named = listOf(mapOf(ingress['spec'])['rules'])
    .map((rule) => textOf(rule['host']))
    .filter((host) => host !== '')
  if (named.length === 0) return '*'
  const more = named.length > 3 ? ` + ${named.length - 3} more...` : ''
  return `${named.slice(0, 3).join(',')}${more}`
}

/** networking.k8s.io/v1 (pkg/printers/internalversion). */
export const ingressColumns: readonly Column[] = [
  name,
  text('Class', (o) => orNone(textOf(mapOf(o['spec'])['ingressClassName']))),
  text('Hosts', hosts),
  text('Address', addresses),
  text('Ports', (o) => (listOf(mapOf(o['spec'])['tls']).length > 0 ? '80, 443' : '80')),
  age,
]

export const ingressClassColumns: readonly Column[] = [
  name,
  field('Controller', 'spec', 'controller'),
  text('Parameters', (o) => {
    const parameters = mapOf(o['spec'])['parameters']
    if (parameters === undefined) return '<none>'
    const { apiGroup, kind, name } = mapOf(parameters)
    return `${textOf(kind)}${apiGroup ? `.${textOf(apiGroup)}` : ''}/${textOf(name)}`
  }),
  age,
]

export const networkPolicyColumns: readonly Column[] = [
  name,
  text('Pod-Selector', (o) => orNone(selectorText(mapOf(o['spec'])['podSelector']))),
  age,
]

export const serviceCidrColumns: readonly Column[] = [
  name,
  text('CIDRs', (o) => {
    const cidrs: unknown = mapOf(o['spec'])['cidrs']
    return Array.isArray(cidrs) ? cidrs.join(',') : ''
  }),
  age,
]

export const ipAddressColumns: readonly Column[] = [
  name,
  text('ParentRef', (o) => {
    const { group, resource, namespace, name } = mapOf(mapOf(o['spec'])['parentRef'])
    return [textOf(resource) + (group ? `.${textOf(group)}` : ''), textOf(namespace), textOf(name)]
      .filter((part) => part !== '')
      .join('/')
  }),
  age,
]
