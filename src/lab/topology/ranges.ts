import { bitsOf, type CIDR, type Family, formatAddress, formatCIDR } from '../../model/ip.ts'

/** How a network's hosts are numbered: the same digits in both families, so that `172.30.0.11` is `fd00:30::11` too. */
export const hostNumber = (family: Family, number: number): bigint => BigInt(family === 'IPv4' ? number : `0x${number}`)

/** Address of a host in a network, without the length. */
export const hostAddress = ({ family, network }: CIDR, number: number): string =>
  formatAddress({ family, number: network + hostNumber(family, number) })

/** Subnets of a length that a network is cut into, from 0. */
export const subnet = ({ family, network }: CIDR, length: number, index: number): CIDR => ({
  family,
  network: network + (BigInt(index) << BigInt(bitsOf(family) - length)),
  length,
})

export const subnetText = (cidr: CIDR, length: number, index: number): string => formatCIDR(subnet(cidr, length, index))

/** Whether a network has a host of that number; the last address of an IPv4 network is its broadcast address. */
export const hasHost = ({ family, length }: CIDR, number: number): boolean =>
  hostNumber(family, number) < (1n << BigInt(bitsOf(family) - length)) - (family === 'IPv4' ? 1n : 0n)

/** The longest prefix length whose network has a host of that number. */
export function longestLengthFor(family: Family, number: number): number {
  let length = bitsOf(family)
  while (!hasHost({ family, network: 0n, length }, number)) length--
  return length
}
