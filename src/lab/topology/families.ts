import {
  type CIDR,
  type Family,
  families as allFamilies,
  familyOf,
  formatCIDR,
  parseAddress,
  parseCIDR,
} from '../../model/ip.ts'
import { defaultRanges, flagOf, type NetworkOptions, optionError, type RangeName } from './options.ts'

/** The lab's ranges, of each kind one a family, the primary family first. */
export type Ranges = Record<RangeName, CIDR[]>

/**
 * Families and ranges of a lab. Which family is the primary one follows from the order in --cluster-cidr, as in K3s; IPv4 where nothing says so.
 *
 * @throws WeftError LAB_NETWORK_INVALID
 */
export function parseRanges(options: NetworkOptions): { families: Family[]; ranges: Ranges } {
  const given = {
    cluster: parseList('cluster', options.clusterCIDR),
    service: parseList('service', options.serviceCIDR),
    underlay: parseList('underlay', options.underlayCIDR),
    outside: [],
  }
  const families = familiesOf(options, given)
  checkOrder(given.service, families, options)
  const complete = (name: RangeName): CIDR[] =>
    families.map(
      (family) =>
        given[name].find((cidr) => cidr.family === family) ?? (parseCIDR(defaultRanges[name][family]) as CIDR),
    )
  const ranges = {
    cluster: complete('cluster'),
    service: complete('service'),
    underlay: complete('underlay'),
    outside: complete('outside'),
  }
  return { families, ranges }
}

function familiesOf({ stack }: NetworkOptions, given: Ranges): Family[] {
  const wanted: Family[] = stack === 'dual-stack' ? [...allFamilies] : [stack === 'ipv6' ? 'IPv6' : 'IPv4']
  for (const name of ['cluster', 'service', 'underlay'] as const) {
    const stranger = given[name].find(({ family }) => !wanted.includes(family))
    if (stranger !== undefined) throw strangerError(name, stranger, wanted)
  }
  const [first, second] = given.cluster
  return first !== undefined && second !== undefined ? [first.family, second.family] : wanted
}

function strangerError(name: RangeName, stranger: CIDR, wanted: readonly Family[]): Error {
  const stack = stranger.family === 'IPv6' ? '--ipv6 or --dual-stack' : '--dual-stack in place of --ipv6'
  const message = `${formatCIDR(stranger)} is an ${stranger.family} range, and the lab has ${wanted.join(' and ')} only`
  return optionError(flagOf[name], message, `start the lab with ${stack}, or give an ${wanted[0]} range`)
}

/** K3s refuses lists whose first ranges are of different families: the primary family would not be known. */
function checkOrder(service: readonly CIDR[], families: readonly Family[], { clusterCIDR }: NetworkOptions): void {
  const [first, second] = service
  if (first === undefined || second === undefined || first.family === families[0]) return
  const cluster = clusterCIDR === undefined ? 'by default' : `of --cluster-cidr ${clusterCIDR}`
  throw optionError(
    flagOf.service,
    `the first range is ${first.family}, and the primary family ${cluster} is ${families[0]}`,
    'give both lists in the same order of families',
  )
}

function parseList(name: RangeName, text: string | undefined): CIDR[] {
  if (text === undefined) return []
  const cidrs = text.split(',').map((part) => parseRange(name, part.trim()))
  const [first, second] = cidrs
  if (cidrs.length > 2 || (second !== undefined && first?.family === second.family)) {
    const message = `${text} has more than one range of a family`
    throw optionError(flagOf[name], message, 'give one range, or with --dual-stack one of each family')
  }
  return cidrs
}

function parseRange(name: RangeName, text: string): CIDR {
  const cidr = text.includes('/') ? parseCIDR(text) : undefined
  if (cidr === undefined) {
    const example = defaultRanges[name][familyOf(text)]
    throw optionError(flagOf[name], `"${text}" is no range of addresses`, `write it as ADDRESS/LENGTH, e.g. ${example}`)
  }
  if (parseAddress(text.slice(0, text.indexOf('/')))?.number === cidr.network) return cidr
  throw optionError(
    flagOf[name],
    `${text} is an address in a range, not a range: bits after the first ${cidr.length} are set`,
    `did you mean ${formatCIDR(cidr)}?`,
  )
}
