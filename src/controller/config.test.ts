import { describe, expect, it } from 'vitest'
import type { WeftError } from '../model/error.ts'
import { type PodCIDRFlags, podCIDRSettings } from './config.ts'
import { blocksIn, rangeText } from './pod-cidrs/range.ts'

const ranges = (flags: PodCIDRFlags): string[] =>
  podCIDRSettings(flags).ranges.map((range) => `${rangeText(range)} /${range.nodeMaskSize} ${blocksIn(range)}`)

function refused(flags: PodCIDRFlags): WeftError {
  try {
    podCIDRSettings(flags)
  } catch (error) {
    return error as WeftError
  }
  throw new Error('nothing was refused')
}

describe('the ranges', () => {
  it.each([
    [{ clusterCidr: '10.42.0.0/16' }, ['10.42.0.0/16 /24 256']],
    [{ clusterCidr: '10.42.0.0/16,fd42::/56' }, ['10.42.0.0/16 /24 256', 'fd42::/56 /64 256']],
    [{ clusterCidr: 'fd42::/48, 10.42.0.0/16' }, ['fd42::/48 /64 65536', '10.42.0.0/16 /24 256']],
    [{ clusterCidr: '10.42.0.0/16', nodeCidrMaskSize: '22' }, ['10.42.0.0/16 /22 64']],
    [{ clusterCidr: 'fd42::/60', nodeCidrMaskSize: '72' }, ['fd42::/60 /72 4096']],
    [{ clusterCidr: '10.42.0.0/24' }, ['10.42.0.0/24 /24 1']],
    [{ clusterCidr: '10.0.0.0/8', nodeCidrMaskSizeIpv4: '28' }, ['10.0.0.0/8 /28 1048576']],
    [
      { clusterCidr: '10.42.0.0/16,fd42::/56', nodeCidrMaskSizeIpv4: '25', nodeCidrMaskSizeIpv6: '72' },
      ['10.42.0.0/16 /25 512', 'fd42::/56 /72 65536'],
    ],
  ])('%j', (flags, expected) => {
    expect(ranges(flags)).toEqual(expected)
  })
})

describe('what cannot be', () => {
  it.each([
    [{ clusterCidr: '10.42.0.0' }, 'CONFIG_CIDR_INVALID', '--cluster-cidr'],
    [{ clusterCidr: '' }, 'CONFIG_CIDR_INVALID', '--cluster-cidr'],
    [{ clusterCidr: '10.42.0.0/16,10.43.0.0/16' }, 'CONFIG_CIDR_FAMILY_TWICE', '--cluster-cidr'],
    [{ clusterCidr: '10.42.0.0/16,fd42::/56,fd43::/56' }, 'CONFIG_CIDR_FAMILY_TWICE', '--cluster-cidr'],
    [{ clusterCidr: '10.42.0.0/25' }, 'CONFIG_NODE_MASK_TOO_SHORT', '--node-cidr-mask-size-ipv4'],
    [{ clusterCidr: '10.42.0.0/16', nodeCidrMaskSize: '15' }, 'CONFIG_NODE_MASK_TOO_SHORT', '--node-cidr-mask-size'],
    [{ clusterCidr: 'fd42::/47' }, 'CONFIG_NODE_MASK_TOO_LONG', '--node-cidr-mask-size-ipv6'],
    [{ clusterCidr: '10.0.0.0/8', nodeCidrMaskSize: '29' }, 'CONFIG_NODE_MASK_TOO_LONG', '--node-cidr-mask-size'],
    [{ clusterCidr: '10.42.0.0/16', nodeCidrMaskSize: '33' }, 'CONFIG_NODE_MASK_INVALID', '--node-cidr-mask-size'],
    [{ clusterCidr: '10.42.0.0/16', nodeCidrMaskSize: 'x' }, 'CONFIG_NODE_MASK_INVALID', '--node-cidr-mask-size'],
    [
      { clusterCidr: '10.42.0.0/16,fd42::/56', nodeCidrMaskSize: '24' },
      'CONFIG_NODE_MASK_AMBIGUOUS',
      '--node-cidr-mask-size',
    ],
    [
      { clusterCidr: '10.42.0.0/16', nodeCidrMaskSize: '24', nodeCidrMaskSizeIpv4: '25' },
      'CONFIG_NODE_MASK_AMBIGUOUS',
      '--node-cidr-mask-size',
    ],
    [
      { clusterCidr: '10.42.0.0/16', nodeCidrMaskSizeIpv6: '64' },
      'CONFIG_NODE_MASK_UNUSED',
      '--node-cidr-mask-size-ipv6',
    ],
    [
      { clusterCidr: '10.42.0.0/16', serviceClusterIpRange: '10.0.0.0/8' },
      'CONFIG_SERVICE_CIDR_COVERS_CLUSTER',
      '--service-cluster-ip-range',
    ],
    [
      { clusterCidr: '10.42.0.0/16', serviceClusterIpRange: '10.43.0.0/16,10.44.0.0/16' },
      'CONFIG_CIDR_FAMILY_TWICE',
      '--service-cluster-ip-range',
    ],
  ])('%j is %s of %s', (flags, code, where) => {
    expect(refused(flags)).toMatchObject({ code, where, fault: 'user', remedy: expect.stringMatching(/\w/) })
  })
})
