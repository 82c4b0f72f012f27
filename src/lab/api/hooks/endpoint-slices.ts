import { type Json, listOf, textOf } from '../access.ts'
import { ipErrors, specialIpErrors } from '../addresses.ts'
import { duplicate, type FieldError, invalidValue, oneOf, required } from '../field-errors.ts'
import { dnsLabelErrors, dnsSubdomainErrors } from '../names.ts'
import { numberErrors, protocols } from './pod-validation.ts'

const addressTypes = ['FQDN', 'IPv4', 'IPv6'] as const
const maxEndpoints = 1000

/** ValidateEndpointSlice of pkg/apis/discovery/validation. */
export function endpointSliceErrors(slice: Json, old: Json | undefined): FieldError[] {
  const type = textOf(slice['addressType'])
  if (old !== undefined && old['addressType'] !== type) return [invalidValue('addressType', type, 'field is immutable')]
  if (type === '') return [required('addressType')]
  const wrongType = oneOf('addressType', type, addressTypes)
  return wrongType.length > 0
    ? wrongType
    : [...endpointsErrors(listOf(slice['endpoints']), type), ...portsErrors(slice)]
}

function endpointsErrors(endpoints: readonly Json[], type: string): FieldError[] {
  if (endpoints.length > maxEndpoints) {
    const message = `Too many: ${endpoints.length}: must have at most ${maxEndpoints} items`
    return [{ reason: 'FieldValueTooMany', message, field: 'endpoints' }]
  }
  return endpoints.flatMap((endpoint, i) => {
    const addresses: string[] = endpoint['addresses'] ?? []
    const field = `endpoints[${i}].addresses`
    if (addresses.length === 0) return [required(field, 'must contain at least 1 address')]
    return addresses.flatMap((address, j) => addressErrors(address, type, field, j))
  })
}

function addressErrors(address: string, type: string, field: string, index: number): FieldError[] {
  const item = `${field}[${index}]`
  if (type === 'FQDN') return dnsSubdomainErrors(address).map((words) => invalidValue(item, address, words))
  const wrongFamily = ipErrors(address).length === 0 && address.includes(':') !== (type === 'IPv6')
  if (wrongFamily) return [invalidValue(field, address, `must be an ${type} address`)]
  return specialIpErrors(address).map((words) => invalidValue(item, address, words))
}

function portsErrors(slice: Json): FieldError[] {
  const names = new Set<string>()
  return listOf(slice['ports']).flatMap((port, i) => {
    const errors: FieldError[] = []
    const name = textOf(port['name'])
    if (name !== '') errors.push(...dnsLabelErrors(name).map((w) => invalidValue(`ports[${i}].name`, name, w)))
    if (names.has(name)) errors.push(duplicate(`ports[${i}].name`, name))
    names.add(name)
    errors.push(...oneOf(`ports[${i}].protocol`, port['protocol'], protocols))
    if (port['port'] !== undefined) errors.push(...numberErrors(`ports[${i}].port`, port['port']))
    return errors
  })
}
