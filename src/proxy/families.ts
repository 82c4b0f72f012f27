import { existsSync, readFileSync } from 'node:fs'
import { type Family, families, familyOf } from '../model/ip.ts'
import { byKind, ownNode, type ServiceView } from './view.ts'

/** Whether IPv6 is there in this process's network namespace: not compiled out, not switched off (ipv6.disable=1, disable_ipv6). */
export function kernelHasIPv6(): boolean {
  if (!existsSync('/proc/net/if_inet6')) return false
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8').trim() === '0'
  } catch {
    return false
  }
}

/** The families in which this node serves Services: those in which it has an address. As long as there is no Node, its devices' addresses tell. */
export function activeFamilies(view: ServiceView, hasIPv6 = kernelHasIPv6()): Family[] {
  const node = ownNode(view)
  const addresses = node?.addresses ?? view.facts.byIndex(byKind, 'address').flatMap(globalAddress)
  const active = families.filter(
    (family) => (family === 'IPv4' || hasIPv6) && addresses.some((address) => familyOf(address) === family),
  )
  return active.length > 0 ? active : ['IPv4']
}

const globalAddress = (fact: object): string[] =>
  'address' in fact && typeof fact.address === 'string' && !/^(127\.|169\.254\.|::1$|fe[89ab])/.test(fact.address)
    ? [fact.address]
    : []
