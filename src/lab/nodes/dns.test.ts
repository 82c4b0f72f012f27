import { describe, expect, it } from 'vitest'
import { etcHosts, resolvConf } from './dns.ts'
import type { Pod } from './pod.ts'

const facts = {
  clusterDns: '10.43.0.10',
  clusterDomain: 'cluster.local',
  nodeResolvConf: '# x\nnameserver 192.0.2.1\nsearch lan\noptions rotate\n',
}
const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'shop', uid: 'u' },
  spec: { containers: [], ...spec },
})
const ofNode = 'search lan\nnameserver 192.0.2.1\noptions rotate\n'
const ofCluster =
  'search shop.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.43.0.10\noptions ndots:5\n'

describe('resolvConf', () => {
  it.each<[string, Partial<Pod['spec']>, string]>([
    ['no policy', {}, ofCluster],
    ['Default', { dnsPolicy: 'Default' }, ofNode],
    ['ClusterFirst in the node’s network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, ofNode],
    ['ClusterFirstWithHostNet', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, ofCluster],
    ['None', { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.9'] } }, 'nameserver 192.0.2.9\n'],
    [
      'dnsConfig',
      {
        dnsPolicy: 'Default',
        dnsConfig: { searches: ['a', 'lan'], options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }] },
      },
      'search lan a\nnameserver 192.0.2.1\noptions rotate ndots:2\n',
    ],
  ])('%s', (_, spec, expected) => {
    expect(resolvConf(pod(spec), facts)).toBe(expected)
  })

  it('is the node’s while the cluster has no DNS', () => {
    expect(resolvConf(pod(), { ...facts, clusterDns: undefined })).toBe(ofNode)
  })
})

describe('etcHosts', () => {
  it('has the pod’s own names and aliases', () => {
    const aliased = pod({ hostname: 'h', subdomain: 'sub', hostAliases: [{ ip: '192.0.2.3', hostnames: ['a', 'b'] }] })
    const text = etcHosts(aliased, ['10.42.0.2', 'fd00::2'], 'cluster.local', '')
    expect(text).toMatch(/^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/)
    expect(text).toContain('10.42.0.2\th.sub.shop.svc.cluster.local\th\nfd00::2\th.sub.shop.svc.cluster.local\th\n')
    expect(text).toContain('# Entries added by HostAliases.\n192.0.2.3\ta\tb\n')
  })

  it('is the node’s in the node’s network', () => {
    const text = etcHosts(pod({ hostNetwork: true }), ['172.30.0.11'], 'cluster.local', '127.0.0.1 localhost\n')
    expect(text).toBe('# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n')
  })
})
