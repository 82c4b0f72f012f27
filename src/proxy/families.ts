import { existsSync, readFileSync } from 'node:fs'
import { type Family, families } from '../model/ip.ts'
import { type ServiceView, serviceCIDRsOf } from './view.ts'

/** Whether IPv6 is there in this process's network namespace: not compiled out, not switched off (ipv6.disable=1, disable_ipv6). */
export function kernelHasIPv6(): boolean {
  if (!existsSync('/proc/net/if_inet6')) return false
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8').trim() === '0'
  } catch {
    return false
  }
}

/** The families in which this node serves Services: those that Services have addresses of, by the API's ServiceCIDR objects or by flag, and that the kernel has. */
export function servedFamilies(view: ServiceView, hasIPv6 = kernelHasIPv6()): Family[] {
  const ranges = [...serviceCIDRsOf(view), ...view.config.serviceCIDRs]
  return families.filter((family) => (family === 'IPv4' || hasIPv6) && ranges.some((range) => range.family === family))
}
