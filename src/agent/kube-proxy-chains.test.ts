import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kubeProxyRemoval } from './kube-proxy-chains.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../../test/fixtures/kube-proxy/${name}`, import.meta.url), 'utf8')

/** One table of a save, without counters. */
function table(name: string, of: string): string {
  const text = fixture(name).replaceAll(/^\[\d+:\d+\] /gm, '')
  return text.slice(text.indexOf(`*${of}\n`), text.indexOf('COMMIT', text.indexOf(`*${of}\n`)))
}

describe('what kube-proxy 1.36 left', () => {
  it.each([
    ['iptables-v4.save', 'mangle', 1, 0],
    ['iptables-v4.save', 'filter', 6, 9],
    ['ipvs-iptables-v4.save', 'filter', 6, 6],
  ])('%s: table %s', (file, of, chains, jumps) => {
    expect(kubeProxyRemoval(table(file, of))).toMatchObject({ chains, jumps })
  })

  it.each(['iptables-v4.save', 'iptables-v6.save', 'ipvs-iptables-v4.save'])('%s: all chains of table nat', (file) => {
    const save = table(file, 'nat')
    expect(kubeProxyRemoval(save)?.chains).toBe([...save.matchAll(/^:KUBE-/gm)].length)
  })

  it("leaves kubelet's chain, and what leads to it", () => {
    const lines = kubeProxyRemoval(table('iptables-v4.save', 'filter'))?.lines.join('\n')
    expect(lines).not.toContain('KUBE-FIREWALL')
    expect(lines).toContain(
      '-D INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
    )
  })
})

describe('chains of others', () => {
  it("those of K3s' network policies, of CNI and of kubelet are nobody's business", () => {
    const save = `*filter
:INPUT ACCEPT [0:0]
:KUBE-ROUTER-INPUT - [0:0]
:KUBE-POD-FW-ABCDEFGHIJKLMNOP - [0:0]
:KUBE-NWPLCY-ABCDEFGHIJKLMNOP - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-FIREWALL - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:KUBE-SERVICES-OF-MINE - [0:0]
-A INPUT -j KUBE-ROUTER-INPUT
`
    expect(kubeProxyRemoval(save)).toBeUndefined()
  })

  it('what they lead to stays', () => {
    const save = `*nat
:POSTROUTING ACCEPT [0:0]
:PREROUTING ACCEPT [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-DN-x - [0:0]
-A PREROUTING -m comment --comment "a -j KUBE-MARK-MASQ of words" -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A CNI-DN-x -p tcp -j KUBE-MARK-MASQ
`
    expect(kubeProxyRemoval(save)?.lines).toEqual([
      ':KUBE-SERVICES - [0:0]',
      '-D PREROUTING -m comment --comment "a -j KUBE-MARK-MASQ of words" -j KUBE-SERVICES',
      '-X KUBE-SERVICES',
    ])
  })
})
