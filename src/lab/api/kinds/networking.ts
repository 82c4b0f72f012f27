import { ipNameErrors } from '../addresses.ts'
import * as columns from '../columns/networking.ts'
import { ingressErrors } from '../hooks/ingress-validation.ts'
import { networkPolicyErrors } from '../hooks/network-policy-validation.ts'
import * as hooks from '../hooks/networking.ts'
import { reservedBy, serviceRangeErrors } from '../hooks/service-ranges.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

const group = 'networking.k8s.io'

/** networking.k8s.io/v1. */
export const networkingKinds: readonly Kind[] = [
  kind({
    group,
    kind: 'IngressClass',
    plural: 'ingressclasses',
    namespaced: false,
    generation: true,
    columns: columns.ingressClassColumns,
    defaults: hooks.defaultIngressClass,
    validate: hooks.ingressClassErrors,
  }),
  kind({
    group,
    kind: 'Ingress',
    plural: 'ingresses',
    shortNames: ['ing'],
    statusSubresource: true,
    generation: true,
    columns: columns.ingressColumns,
    defaults: hooks.defaultIngress,
    admit: hooks.admitIngress,
    initialStatus: () => ({ loadBalancer: {} }),
    validate: ingressErrors,
  }),
  kind({
    group,
    kind: 'IPAddress',
    plural: 'ipaddresses',
    nameErrors: ipNameErrors,
    shortNames: ['ip'],
    namespaced: false,
    columns: columns.ipAddressColumns,
    validate: hooks.addressErrors,
    held: reservedBy,
  }),
  kind({
    group,
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    shortNames: ['netpol'],
    generation: true,
    columns: columns.networkPolicyColumns,
    defaults: hooks.defaultNetworkPolicy,
    validate: networkPolicyErrors,
  }),
  kind({
    group,
    kind: 'ServiceCIDR',
    plural: 'servicecidrs',
    namespaced: false,
    statusSubresource: true,
    columns: columns.serviceCidrColumns,
    validate: serviceRangeErrors,
    initialStatus: () => ({}),
  }),
]
