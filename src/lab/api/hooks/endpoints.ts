import { type Json, listOf, textOf } from '../access.ts'
import { ipErrors, specialIpErrors } from '../addresses.ts'
import { type FieldError, invalidValue, oneOf, required } from '../field-errors.ts'
import { dnsLabelErrors, dnsSubdomainErrors, qualifiedNameErrors } from '../names.ts'
import { numberErrors, protocols } from './pod-validation.ts'

/** ValidateEndpoints of pkg/apis/core/validation. */
export const endpointsErrors = (endpoints: Json): FieldError[] =>
  listOf(endpoints['subsets']).flatMap((subset, i) => subsetErrors(subset, `subsets[${i}]`))

function subsetErrors(subset: Json, path: string): FieldError[] {
  const [ready, notReady, ports] = [subset['addresses'], subset['notReadyAddresses'], subset['ports']].map(listOf)
  const none = (ready ?? []).length + (notReady ?? []).length === 0
  return [
    ...(none ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []),
    ...(ready ?? []).flatMap((address, i) => addressErrors(address, `${path}.addresses[${i}]`)),
    ...(notReady ?? []).flatMap((address, i) => addressErrors(address, `${path}.notReadyAddresses[${i}]`)),
    ...(ports ?? []).flatMap((port, i, all) => portErrors(port, all.length > 1, `${path}.ports[${i}]`)),
  ]
}

function addressErrors(address: Json, path: string): FieldError[] {
  const [ip, hostname, nodeName] = [textOf(address['ip']), textOf(address['hostname']), address['nodeName']]
  const wrong = ipErrors(ip)
  const node = nodeName === undefined ? [] : dnsSubdomainErrors(textOf(nodeName))
  return [
    ...wrong.map((words) => invalidValue(`${path}.ip`, ip, words)),
    ...(hostname === '' ? [] : dnsLabelErrors(hostname).map((w) => invalidValue(`${path}.hostname`, hostname, w))),
    ...node.map((words) => invalidValue(`${path}.nodeName`, nodeName, words)),
    ...(wrong.length > 0 ? [] : specialIpErrors(ip).map((words) => invalidValue(`${path}.ip`, ip, words))),
  ]
}

function portErrors(port: Json, nameNeeded: boolean, path: string): FieldError[] {
  const [name, protocol, appProtocol] = [textOf(port['name']), port['protocol'], port['appProtocol']]
  const application = appProtocol === undefined ? [] : qualifiedNameErrors(textOf(appProtocol))
  return [
    ...(name === '' && nameNeeded ? [required(`${path}.name`)] : []),
    ...(name === '' ? [] : dnsLabelErrors(name).map((words) => invalidValue(`${path}.name`, name, words))),
    ...numberErrors(`${path}.port`, port['port'] ?? 0),
    ...oneOf(`${path}.protocol`, protocol, protocols),
    ...application.map((words) => invalidValue(`${path}.appProtocol`, appProtocol, words)),
  ]
}
