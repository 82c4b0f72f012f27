import { type Json, listOf, mapOf, textOf } from '../access.ts'
import { cidrErrors, parseCidr } from '../addresses.ts'
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { selectorErrors } from '../label-selectors.ts'
import { portNameErrors, portNumberErrors } from '../names.ts'

const protocols = ['TCP', 'UDP', 'SCTP'] as const
const types = ['Ingress', 'Egress'] as const

/** ValidateNetworkPolicySpec of pkg/apis/networking/validation. */
export function networkPolicyErrors(policy: Json): FieldError[] {
  const spec = mapOf(policy['spec'])
  return [
    ...selectorErrors(mapOf(spec['podSelector']), 'spec.podSelector'),
    ...rulesErrors(spec['ingress'], 'from', 'spec.ingress'),
    ...rulesErrors(spec['egress'], 'to', 'spec.egress'),
    ...typesErrors(spec['policyTypes']),
  ]
}

const rulesErrors = (rules: unknown, peers: 'from' | 'to', path: string): FieldError[] =>
  listOf(rules).flatMap((rule, i) => [
    ...listOf(rule['ports']).flatMap((port, j) => portErrors(port, `${path}[${i}].ports[${j}]`)),
    ...listOf(rule[peers]).flatMap((peer, j) => peerErrors(peer, `${path}[${i}].${peers}[${j}]`)),
  ])

function portErrors({ port, endPort, protocol }: Json, path: string): FieldError[] {
  const known = protocol === undefined || protocols.some((one) => one === protocol)
  const wrong = known ? [] : [notSupported(`${path}.protocol`, protocol, protocols)]
  if (port === undefined)
    return endPort === undefined
      ? wrong
      : [...wrong, invalidValue(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified')]
  if (typeof port === 'string') {
    const name = portNameErrors(port).map((words) => invalidValue(`${path}.port`, port, words))
    if (endPort === undefined) return [...wrong, ...name]
    return [
      ...wrong,
      ...name,
      invalidValue(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric'),
    ]
  }
  const number = portNumberErrors(port).map((words) => invalidValue(`${path}.port`, port, words))
  // The port stands in the message where one would look for endPort; so it is there.
  const before = typeof endPort === 'number' && endPort < Number(port)
  const order = before ? [invalidValue(`${path}.endPort`, port, 'must be greater than or equal to `port`')] : []
  const range = endPort === undefined || before ? [] : portNumberErrors(endPort)
  return [...wrong, ...number, ...order, ...range.map((words) => invalidValue(`${path}.endPort`, endPort, words))]
}

function peerErrors(peer: Json, path: string): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const selectors = podSelector !== undefined || namespaceSelector !== undefined
  if (!selectors && ipBlock === undefined) return [required(path, 'must specify a peer')]
  if (selectors && ipBlock !== undefined) return [forbiddenField(path, 'may not specify both ipBlock and another peer')]
  return [
    ...(podSelector === undefined ? [] : selectorErrors(mapOf(podSelector), `${path}.podSelector`)),
    ...(namespaceSelector === undefined ? [] : selectorErrors(mapOf(namespaceSelector), `${path}.namespaceSelector`)),
    ...(ipBlock === undefined ? [] : blockErrors(mapOf(ipBlock), `${path}.ipBlock`)),
  ]
}

/** A range as first and last number. */
function rangeOf(cidr: string): { first: bigint; last: bigint; width: number; family: string } {
  const { address, bits } = parseCidr(cidr)
  const width = (address.family === 'IPv4' ? 32 : 128) - bits
  const first = (address.number >> BigInt(width)) << BigInt(width)
  return { first, last: first + (1n << BigInt(width)) - 1n, width, family: address.family }
}

function rangeErrors(cidr: string, field: string): FieldError[] {
  const errors = cidrErrors(cidr)
  if (errors.length > 0) return errors.map((words) => invalidValue(field, cidr, words))
  const exact = parseCidr(cidr).address.number === rangeOf(cidr).first
  return exact ? [] : [invalidValue(field, cidr, 'must not have bits set beyond the prefix length')]
}

function blockErrors(block: Json, path: string): FieldError[] {
  const cidr = textOf(block['cidr'])
  if (cidr === '') return [required(`${path}.cidr`)]
  const errors = rangeErrors(cidr, `${path}.cidr`)
  const except: unknown[] = Array.isArray(block['except']) ? block['except'] : []
  return [
    ...errors,
    ...except.flatMap((one, i) => {
      const field = `${path}.except[${i}]`
      const wrong = rangeErrors(textOf(one), field)
      if (wrong.length > 0 || errors.length > 0) return wrong
      return within(textOf(one), cidr) ? [] : [invalidValue(field, one, 'must be a strict subset of `cidr`')]
    }),
  ]
}

function within(inner: string, outer: string): boolean {
  const [a, b] = [rangeOf(inner), rangeOf(outer)]
  return a.family === b.family && a.first >= b.first && a.last <= b.last && a.width < b.width
}

function typesErrors(given: unknown): FieldError[] {
  const list: unknown[] = Array.isArray(given) ? given : []
  if (list.length > types.length)
    return [invalidValue('spec.policyTypes', list, 'may not specify more than two policyTypes')]
  return list.flatMap((one, i) =>
    types.some((known) => known === one) ? [] : [notSupported(`spec.policyTypes[${i}]`, one, types)],
  )
}
