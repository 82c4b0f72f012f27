import { describe, expect, it } from 'vitest'
import { Allocations } from './allocations.ts'

describe('cluster IPs', () => {
  it('come from the range of their family, by choice above the band for chosen ones', () => {
    const allocations = new Allocations(['10.43.0.0/16', 'fd43::/112'], () => 0)
    expect(allocations.families).toEqual(['IPv4', 'IPv6'])
    expect(allocations.firstAddress).toBe('10.43.0.1')
    expect(allocations.chooseAddress('IPv4')).toBe('10.43.1.1')
    expect(allocations.chooseAddress('IPv6')).toBe('fd43::101')
  })

  it.each([
    ['10.43.0.0', 'network address'],
    ['10.43.255.255', 'broadcast address'],
    ['10.44.0.1', 'elsewhere'],
    ['fd43::', 'the subnet-router anycast address'],
    ['fd44::1', 'elsewhere'],
  ])('%s cannot be had: %s', (address) => {
    const allocations = new Allocations(['10.43.0.0/16', 'fd43::/112'])
    expect(allocations.addressError(address)).toBe('the provided network does not match the current range')
  })

  it('are taken however they are written', () => {
    const allocations = new Allocations(['fd43::/112'])
    allocations.take(['FD43:0::0101'], [])
    expect(allocations.addressError('fd43::101')).toBe('provided IP is already allocated')
    allocations.release(['fd43::101'], [])
    expect(allocations.addressError('fd43:0:0::101')).toBeUndefined()
  })

  it('run out', () => {
    const allocations = new Allocations(['10.43.0.0/29'])
    const chosen = Array.from({ length: 6 }, () => {
      const address = allocations.chooseAddress('IPv4') ?? ''
      allocations.take([address], [])
      return address
    })
    expect(new Set(chosen).size).toBe(6)
    expect(allocations.chooseAddress('IPv4')).toBeUndefined()
    expect(allocations.chooseAddress('IPv6')).toBeUndefined()
  })
})
