import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { controllerFlags } from '../config/controller-flags.ts'
import type { Flag } from '../config/flag.ts'
import { loadSettings } from '../config/settings.ts'
import { type ControllerConfig, controllerConfig } from './config.ts'
import { blocksIn, rangeText } from './pod-cidrs/range.ts'

type Given = Record<string, unknown>

const load = async (flags: Given): Promise<ControllerConfig> =>
  controllerConfig(await loadSettings(controllerFlags, { 'allocate-node-cidrs': true, ...flags }), 'me')

const ranges = async (flags: Given): Promise<string[] | undefined> =>
  (await load(flags)).podCIDRs?.ranges.map((range) => `${rangeText(range)} /${range.nodeMaskSize} ${blocksIn(range)}`)

describe('the ranges', () => {
  it.each<[Given, string[]]>([
    [{}, ['10.42.0.0/16 /24 256']],
    [{ 'cluster-cidr': '10.42.0.0/16,fd42::/56' }, ['10.42.0.0/16 /24 256', 'fd42::/56 /64 256']],
    [{ 'cluster-cidr': 'fd42::/48, 10.42.0.0/16' }, ['fd42::/48 /64 65536', '10.42.0.0/16 /24 256']],
    [{ 'cluster-cidr': ['10.42.0.0/16', 'fd42::/56'] }, ['10.42.0.0/16 /24 256', 'fd42::/56 /64 256']],
    [{ 'cluster-cidr': '10.42.0.0/16', 'node-cidr-mask-size': '22' }, ['10.42.0.0/16 /22 64']],
    [{ 'cluster-cidr': 'fd42::/60', 'node-cidr-mask-size': '72' }, ['fd42::/60 /72 4096']],
    [{ 'cluster-cidr': '10.42.0.0/24' }, ['10.42.0.0/24 /24 1']],
    [
      { 'cluster-cidr': '10.0.0.0/8', 'node-cidr-mask-size-ipv4': '28', 'service-cidr': '192.168.0.0/16' },
      ['10.0.0.0/8 /28 1048576'],
    ],
    [
      {
        'cluster-cidr': '10.42.0.0/16,fd42::/56',
        'node-cidr-mask-size-ipv4': '25',
        'kube-controller-manager-arg': ['node-cidr-mask-size-ipv6=72'],
      },
      ['10.42.0.0/16 /25 512', 'fd42::/56 /72 65536'],
    ],
  ])('%j', async (flags, expected) => {
    expect(await ranges(flags)).toEqual(expected)
  })
})

describe('what cannot be', () => {
  it.each<[Given, string, string, string]>([
    [{ 'cluster-cidr': '10.42.0.0' }, 'CONFIG_INVALID', '--cluster-cidr', '--cluster-cidr=10.42.0.0/16'],
    [{ 'cluster-cidr': '' }, 'CONFIG_INVALID', '--cluster-cidr', '--cluster-cidr=10.42.0.0/16'],
    [{ 'cluster-cidr': '10.42.0.0/16,10.43.0.0/16' }, 'CONFIG_INVALID', '--cluster-cidr', '10.42.0.0/16'],
    [{ 'cluster-cidr': '10.42.0.0/16,fd42::/56,fd43::/56' }, 'CONFIG_INVALID', '--cluster-cidr', '10.42.0.0/16'],
    [{ 'cluster-cidr': '10.42.0.0/25' }, 'CONFIG_NODE_MASK_TOO_SHORT', '--node-cidr-mask-size-ipv4', '-ipv4=25;'],
    [{ 'node-cidr-mask-size': '15' }, 'CONFIG_NODE_MASK_TOO_SHORT', '--node-cidr-mask-size', '-size=16; 16 to 32'],
    [{ 'cluster-cidr': 'fd42::/47' }, 'CONFIG_NODE_MASK_TOO_LONG', '--node-cidr-mask-size-ipv6', '-ipv6=63; 47 to 63'],
    [
      { 'cluster-cidr': '10.0.0.0/8', 'node-cidr-mask-size': '29' },
      'CONFIG_NODE_MASK_TOO_LONG',
      '--node-cidr-mask-size',
      '=28; 8 to 28',
    ],
    [{ 'node-cidr-mask-size': '33' }, 'CONFIG_NODE_MASK_INVALID', '--node-cidr-mask-size', '=32; 16 to 32'],
    [{ 'node-cidr-mask-size': '129' }, 'CONFIG_INVALID', '--node-cidr-mask-size', '=24'],
    [{ 'node-cidr-mask-size': 'x' }, 'CONFIG_INVALID', '--node-cidr-mask-size', '=24'],
    [
      { 'cluster-cidr': '10.42.0.0/16,fd42::/56', 'node-cidr-mask-size': '24' },
      'CONFIG_NODE_MASK_AMBIGUOUS',
      '--node-cidr-mask-size',
      '--node-cidr-mask-size-ipv4=24 and --node-cidr-mask-size-ipv6=64',
    ],
    [
      { 'node-cidr-mask-size': '24', 'node-cidr-mask-size-ipv4': '25' },
      'CONFIG_NODE_MASK_AMBIGUOUS',
      '--node-cidr-mask-size',
      '--node-cidr-mask-size-ipv4',
    ],
    [
      { 'kube-controller-manager-arg': 'node-cidr-mask-size-ipv6=64' },
      'CONFIG_NODE_MASK_UNUSED',
      '--kube-controller-manager-arg node-cidr-mask-size-ipv6',
      'leave it out',
    ],
    [
      { 'service-cluster-ip-range': '10.0.0.0/8' },
      'CONFIG_SERVICE_CIDR_COVERS_CLUSTER',
      '--service-cluster-ip-range',
      '--service-cluster-ip-range=10.43.0.0/16',
    ],
    [{ 'service-cidr': '10.0.0.0/8' }, 'CONFIG_SERVICE_CIDR_COVERS_CLUSTER', '--service-cidr', '--service-cidr='],
    [
      { 'service-cidr': '10.44.0.0/16', 'service-cluster-ip-range': '10.43.0.0/16' },
      'CONFIG_CONTRADICTION',
      '--service-cidr, --service-cluster-ip-range',
      'leave one of them out',
    ],
    [{ 'leader-elect-renew-deadline': '20s' }, 'CONFIG_LEADER_ELECTION', '--leader-elect-lease-duration', '=15s'],
    [{ 'leader-elect-retry-period': '9s' }, 'CONFIG_LEADER_ELECTION', '--leader-elect-renew-deadline', '=15s'],
    [{ 'leader-elect-retry-period': '2' }, 'CONFIG_INVALID', '--leader-elect-retry-period', '=2s'],
    [
      { 'leader-elect-resource-name': 'kube-controller-manager' },
      'CONFIG_INVALID',
      '--leader-elect-resource-name',
      '=weft-controller',
    ],
    [{ 'cidr-allocator-type': 'CloudAllocator' }, 'CONFIG_INVALID', '--cidr-allocator-type', '=RangeAllocator'],
    [
      { 'kube-controller-manager-arg': 'node-cidr-masksize=24' },
      'CONFIG_UNKNOWN',
      '--kube-controller-manager-arg',
      'did you mean node-cidr-mask-size?',
    ],
    [{ 'allocate-node-cidrs': false }, 'CONTROLLER_NOTHING_TO_DO', '--allocate-node-cidrs', 'add the flag'],
    [{ 'allocate-node-cidrs': undefined }, 'CONTROLLER_NOTHING_TO_DO', 'weft controller', 'add --allocate-node-cidrs'],
  ])('%j is %s of %s', async (flags, code, where, remedy) => {
    await expect(load(flags)).rejects.toMatchObject({
      code,
      where,
      fault: 'user',
      remedy: expect.stringContaining(remedy),
    })
  })
})

describe('arguments of kube-controller-manager', () => {
  it('that are for other controllers are passed over, and said', async () => {
    const { notes } = await load({
      'kube-controller-manager-arg': ['node-monitor-grace-period=20s', 'bind-address=0.0.0.0'],
    })
    expect(notes).toEqual([
      '--kube-controller-manager-arg node-monitor-grace-period has no effect: it is for other controllers of kube-controller-manager',
      '--kube-controller-manager-arg bind-address has no effect: see --healthz-bind-address',
    ])
  })

  it('may switch the election off', async () => {
    const { leaderElection } = await load({ 'kube-controller-manager-arg': 'leader-elect=false' })
    expect(leaderElection.enabled).toBe(false)
  })
})

describe('docs/controller.md', () => {
  const page = readFileSync(new URL('../../docs/controller.md', import.meta.url), 'utf8')

  it.each(Object.entries<Flag>(controllerFlags as Record<string, Flag<any>>))(
    'tells of --%s what the table has',
    (name, row) => {
      const line = page.split('\n').find((one) => one.startsWith(`| \`--${name}\` |`)) ?? ''
      const parts = row.noEffect === undefined ? [row.help, row.default] : [row.noEffect]
      for (const part of parts) if (part !== undefined) expect(line).toContain(part)
    },
  )
})
