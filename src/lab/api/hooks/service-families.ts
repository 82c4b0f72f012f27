import { type Json, mapOf, sameJson } from '../access.ts'
import { familyOf } from '../../../model/ip.ts'
import type { Allocations } from '../allocations.ts'
import { type FieldError, invalidValue } from '../field-errors.ts'
import { isHeadless, needsClusterIP } from './service-defaults.ts'

type Family = 'IPv4' | 'IPv6'

const policyField = 'spec.ipFamilyPolicy'

/**
 * Fills in ipFamilyPolicy and ipFamilies, and says what of them this cluster cannot do (the rules of KEP-563): a Service gets a
 * second family, or loses it, only when its policy, its families or its addresses are changed.
 */
export function settleFamilies(spec: Json, oldService: Json | undefined, allocations: Allocations): FieldError[] {
  if (!needsClusterIP(spec)) return []
  const old = oldService === undefined ? undefined : mapOf(oldService['spec'])
  if (old !== undefined && isUntouchedPreference(spec, old)) return []
  spec['ipFamilyPolicy'] ??= old?.['ipFamilyPolicy'] ?? (isFree(spec) ? 'RequireDualStack' : 'SingleStack')
  const errors = old === undefined ? [] : releaseErrors(spec, old)
  errors.push(...singleErrors(spec), ...inferFamilies(spec, allocations))
  if (errors.length > 0) return errors
  if (isFree(spec)) {
    spec['ipFamilies'] ??= [allocations.families[0] ?? 'IPv4']
    if (spec['ipFamilyPolicy'] !== 'SingleStack') addOther(spec)
    return []
  }
  const missing = unconfiguredErrors(spec, allocations)
  if (missing.length > 0) return missing
  spec['ipFamilies'] ??= [allocations.families[0] ?? 'IPv4']
  if (spec['ipFamilyPolicy'] !== 'SingleStack' && allocations.families.length === 2) addOther(spec)
  return []
}

/** Headless and without a selector: whoever writes its endpoints decides about families. */
const isFree = (spec: Json): boolean => isHeadless(spec) && spec['selector'] === undefined

const isUntouchedPreference = (spec: Json, old: Json): boolean =>
  spec['ipFamilyPolicy'] === 'PreferDualStack' &&
  old['ipFamilyPolicy'] === 'PreferDualStack' &&
  needsClusterIP(old) &&
  sameJson(spec['clusterIPs'], old['clusterIPs']) &&
  sameJson(spec['ipFamilies'], old['ipFamilies'])

function addOther(spec: Json): void {
  const families: Family[] = spec['ipFamilies']
  if (families.length === 1) spec['ipFamilies'] = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4']
}

/** Going back to one family: said by the policy, it drops what was not named otherwise; said by shorter lists alone, it is an error. */
function releaseErrors(spec: Json, old: Json): FieldError[] {
  const lists = ['clusterIPs', 'ipFamilies'] as const
  if (spec['ipFamilyPolicy'] === 'SingleStack') {
    for (const field of lists)
      if (Array.isArray(spec[field]) && sameJson(spec[field], old[field])) spec[field] = spec[field].slice(0, 1)
    return []
  }
  const names = { clusterIPs: 'cluster IP', ipFamilies: 'IP family' } as const
  return lists
    .filter((field) => isReduced(spec[field], old[field]))
    .map((field) =>
      invalidValue(
        policyField,
        spec['ipFamilyPolicy'],
        `must be 'SingleStack' to release the secondary ${names[field]}`,
      ),
    )
}

/** The same first value and no second one any more. An empty list is filled in later. */
const isReduced = (now: unknown, before: unknown): boolean =>
  Array.isArray(now) && Array.isArray(before) && now.length === 1 && before.length === 2 && now[0] === before[0]

function singleErrors(spec: Json): FieldError[] {
  if (spec['ipFamilyPolicy'] !== 'SingleStack') return []
  const names = { clusterIPs: 'cluster IPs', ipFamilies: 'IP families' } as const
  return (['clusterIPs', 'ipFamilies'] as const)
    .filter((field) => (spec[field] ?? []).length === 2)
    .map((field) =>
      invalidValue(
        policyField,
        'SingleStack',
        `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${names[field]} are specified`,
      ),
    )
}

/** Families follow the addresses that were given. */
function inferFamilies(spec: Json, allocations: Allocations): FieldError[] {
  const addresses: string[] = (spec['clusterIPs'] ?? []).filter((address: string) => address !== 'None')
  const families: Family[] = [...(spec['ipFamilies'] ?? [])]
  const errors: FieldError[] = []
  for (const [i, address] of addresses.entries()) {
    if (i < families.length) continue
    const family = familyOf(address)
    if (allocations.families.includes(family)) families.push(family)
    else errors.push(invalidValue(`spec.clusterIPs[${i}]`, addresses, `${family} is not configured on this cluster`))
  }
  if (families.length > 0) spec['ipFamilies'] = families
  return errors
}

function unconfiguredErrors(spec: Json, { families }: Allocations): FieldError[] {
  const words = 'this cluster is not configured for dual-stack services'
  return [
    ...(spec['ipFamilyPolicy'] === 'RequireDualStack' && families.length < 2
      ? [invalidValue(policyField, 'RequireDualStack', words)]
      : []),
    ...(spec['ipFamilies'] ?? []).flatMap((family: Family, i: number) =>
      families.includes(family)
        ? []
        : [invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster')],
    ),
  ]
}
