import { describe, expect, it } from 'vitest'
import { parseCIDR } from '../../model/ip.ts'
import type { Previous } from '../../reconcile/types.ts'
import { acceptsText, hostPart, hostSubjects } from './plan.ts'
import { type HostView, wantedSysctls } from './view.ts'

const cidrs = ['10.42.0.0/16', 'fd42::/56'].flatMap((text) => parseCIDR(text) ?? [])
const view = (over: Partial<HostView> = {}): HostView => ({
  families: ['IPv4', 'IPv6'],
  clusterCIDRs: cidrs,
  interfaces: ['eth0', 'eth0.100'],
  chains: new Map([
    ['ip filter FORWARD', { drops: true }],
    ['inet open forward', { drops: false }],
  ]),
  kernelRelease: '6.1.0-18-amd64',
  tracksConnections: true,
  extraSysctls: new Map(),
  ...over,
})
const previous: Previous = { items: [], number: () => 1, held: () => undefined }
const plan = (of: HostView, subject: string) => hostPart(of).plan(subject, previous, 0)

describe('what is wanted of the host', () => {
  it('are the settings of the families that are on', () => {
    expect([...wantedSysctls(view({ families: ['IPv4'] })).keys()]).toEqual([
      'net/ipv4/ip_forward',
      'net/bridge/bridge-nf-call-iptables',
      'net/ipv4/conf/all/send_redirects',
      'net/ipv4/conf/default/send_redirects',
      'net/ipv4/conf/eth0/send_redirects',
      'net/ipv4/conf/eth0.100/send_redirects',
    ])
    expect([...wantedSysctls(view({ families: ['IPv6'] })).keys()]).toEqual([
      'net/ipv6/conf/all/forwarding',
      'net/bridge/bridge-nf-call-ip6tables',
    ])
  })

  it('and what flags add', () => {
    const extraSysctls = new Map([['net/netfilter/nf_conntrack_max', '131072']])
    expect(wantedSysctls(view({ families: [], extraSysctls }))).toEqual(extraSysctls)
  })

  it('is a way through each chain that drops, and through no other', () => {
    const items = [...hostSubjects(view())].flatMap((subject) => plan(view(), subject).items)
    expect(items.filter(({ kind }) => kind === 'forward-accept')).toEqual([
      { kind: 'forward-accept', key: 'ip filter FORWARD', value: 'dnat from=10.42.0.0/16 to=10.42.0.0/16' },
    ])
    expect(acceptsText(cidrs, ['IPv4', 'IPv6'])).toContain('to=fd42::/56')
    expect(acceptsText([], ['IPv4'])).toBe('dnat')
  })

  it.each<[string, Partial<HostView>, string[]]>([
    ['a kernel of today', {}, []],
    ['one just new enough', { kernelRelease: '5.9.0' }, []],
    ['one too old', { kernelRelease: '5.4.0-190-generic' }, ['KernelTooOld']],
    ['a much older one', { kernelRelease: '4.18.0-553.el8_10.x86_64' }, ['KernelTooOld']],
    ['no connection tracking', { tracksConnections: false }, ['ConntrackMissing']],
  ])('%s', (_name, over, reasons) => {
    expect(plan(view(over), '@kernel').refusals?.map(({ reason }) => reason)).toEqual(reasons)
  })

  it('is nothing for a chain that is gone', () => {
    expect(plan(view({ chains: new Map() }), 'chain ip filter FORWARD')).toMatchObject({
      items: [],
      rank: { gone: true },
    })
  })
})
