import { type Json, mapOf, stringsOf } from '../access.ts'
import { type FieldError, forbiddenField, invalidValue } from '../field-errors.ts'

/** The ServiceCIDR that shows the server's own ranges. */
export const ownRange = 'kubernetes'

export const managedBy = 'ipaddress.kubernetes.io/managed-by'
export const allocator = 'ipallocator.k8s.io'

/** The ranges are those that the server was started with: another one would be stored and never used, so it is refused. */
export function serviceRangeErrors(range: Json, old: Json | undefined): FieldError[] {
  const { name } = mapOf(range['metadata'])
  if (name !== ownRange)
    return [forbiddenField('metadata.name', 'this server has no ranges besides those of `kubernetes`')]
  const cidrs: unknown = mapOf(range['spec'])['cidrs']
  if (old === undefined) return []
  const same = JSON.stringify(mapOf(old['spec'])['cidrs']) === JSON.stringify(cidrs)
  return same ? [] : [invalidValue('spec.cidrs', cidrs, 'field is immutable')]
}

/** An IPAddress that somebody made by hand keeps its address from being given to a Service (KEP-1880). */
export function reservedBy(address: Json): { addresses: string[]; ports: number[] } {
  const { name, labels } = mapOf(address['metadata'])
  return { addresses: stringsOf(labels)[managedBy] === allocator ? [] : [String(name)], ports: [] }
}
