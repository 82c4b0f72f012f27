import { describe, expect, it } from 'vitest'
import type { Link } from '../kernel/rtnetlink/types.ts'
import { isPodNetwork, type TunnelFact, tunnelFacts, tunnelText } from './tunnels.ts'

const link = (name: string, over: Partial<Link> = {}): Link => ({
  index: 1,
  name,
  up: true,
  carrier: true,
  mtuBytes: 1450,
  ...over,
})
const vxlan = (port: number) => ({ id: 1, port, learning: false })
const wg = (port: number): TunnelFact => ({ kind: 'tunnel', device: 'wg0', of: 'WireGuard', port })

describe('tunnels of this node', () => {
  it('are what netlink tells of vxlan and geneve, and what WireGuard is asked', () => {
    const links = [
      link('eth0'),
      link('cni0', { kind: 'bridge' }),
      link('flannel.1', { kind: 'vxlan', vxlan: vxlan(8472) }),
      link('genev0', { kind: 'geneve', genevePort: 6081 }),
      link('wg0', { kind: 'wireguard' }),
    ]
    const asked: string[] = []
    const listenPort = (device: string) => {
      asked.push(device)
      return 51_820
    }
    expect(tunnelFacts({ links, before: [], listenPort })).toEqual([
      { kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 },
      { kind: 'tunnel', device: 'genev0', of: 'geneve', port: 6081 },
      wg(51_820),
    ])
    // Asking loads the module: nobody asks where there is no such device.
    expect(asked).toEqual(['wg0'])
  })

  it('without a port yet are none; those that cannot be asked keep what was known', () => {
    const links = [link('wg0', { kind: 'wireguard' }), link('wg1', { kind: 'wireguard' })]
    expect(tunnelFacts({ links, before: [wg(1)], listenPort: () => undefined })).toEqual([])
    const failing = () => {
      throw new Error('EINTR')
    }
    expect(tunnelFacts({ links, before: [wg(51_820)], listenPort: failing })).toEqual([wg(51_820)])
  })

  it('are named; one that a pod network makes is on every node', () => {
    expect(tunnelText(wg(1))).toBe('wg0, a WireGuard device of this node')
    const names = ['flannel.1', 'flannel-v6.1', 'flannel-wg', 'vxlan.calico', 'cilium_vxlan', 'genev_sys_6081']
    expect(names.filter((device) => !isPodNetwork({ device }))).toEqual([])
    expect(['wg0', 'vxlan0', 'flannelish', 'my-vxlan.calico'].filter((device) => isPodNetwork({ device }))).toEqual([])
  })
})
