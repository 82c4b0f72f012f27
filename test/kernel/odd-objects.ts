import type { KubeObject } from '../../src/kube/types.ts'
import type { Random } from './random.ts'

/**
 * Objects of the API as no API server would let them through, between those that it would: wrong types, huge and negative numbers, missing fields, odd characters, addresses of
 * both families that are others', of nodes, of gateways, special, or none.
 */

const strange: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  2 ** 53,
  65_536,
  '',
  ' ',
  'None',
  'ünï¢ødé',
  '\u0000',
  '\ud800',
  '🙂🙂',
  'a b',
  'a:b/c',
  '"; flush ruleset #',
  'x'.repeat(300),
  {},
  [],
  [null],
  [[]],
  { a: { b: {} } },
]

const addresses = [
  '172.30.0.11',
  '172.30.0.12',
  '172.30.0.13',
  '172.30.0.1',
  'fd30::11',
  'fd30::12',
  'fd30:0:0:0:0:0:0:1',
  '10.42.0.2',
  'fd42::2',
  '127.0.0.1',
  '127.0.0.53',
  '0.0.0.0',
  '255.255.255.255',
  '169.254.169.254',
  '224.0.0.1',
  '::',
  '::1',
  'fe80::1',
  'ff02::1',
  '::ffff:172.30.0.11',
  '172.030.000.011',
  '10.43.0.1',
  'fd43::1',
  '256.1.1.1',
  '1.2.3',
  'fd43::g',
  '10.0.0.0/8',
  'example.org',
  'fe80::1%eth0',
]
const ranges = [
  '10.43.0.0/16',
  'fd43::/112',
  '10.43.0.0/24',
  '10.43.128.0/17',
  'fd43::/64',
  '0.0.0.0/0',
  '::/0',
  '172.30.0.0/24',
  'fd30::/64',
  '10.43.0.0/33',
  '10.43.0.7/16',
  '300.0.0.0/8',
  '/',
  '10.43.0.0/-1',
  '255.255.255.255/32',
  '128.0.0.0/1',
  'ffff::/16',
]
const portNumbers = [22, 53, 80, 443, 2379, 6443, 8080, 10250, 30000, 30001, 30002, 30003, 32767, 65535]
const words = ['Cluster', 'Local', 'ClientIP', 'None', 'NodePort', 'LoadBalancer', 'ClusterIP', 'ExternalName', 'Proxy']

export class OddObjects {
  readonly #random: Random
  readonly #oddness: number

  /** @param oddness how often a field is not what it should be, 0 to 1 */
  constructor(random: Random, oddness: number) {
    this.#random = random
    this.#oddness = oddness
  }

  service(): KubeObject {
    const { one, some, chance, below } = this.#random
    const type = this.#or(one(['ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer', ...words]))
    const spec = {
      type,
      clusterIP: this.#or(this.#clusterIP()),
      clusterIPs: this.#or(chance(0.8) ? this.#both() : this.#list(3, () => this.#clusterIP())),
      externalIPs: this.#list(3, () => this.#address()),
      ports: this.#list(4, () => this.#port()),
      sessionAffinity: this.#or(one(['None', 'None', 'ClientIP', ...words])),
      sessionAffinityConfig: this.#or({
        clientIP: this.#or({ timeoutSeconds: this.#or(one([10_800, 60, 600, 86_400])) }),
      }),
      externalTrafficPolicy: this.#or(one(['Cluster', 'Local'])),
      internalTrafficPolicy: this.#or(one(['Cluster', 'Local'])),
      loadBalancerSourceRanges: chance(0.3) ? this.#list(4, () => this.#range()) : undefined,
      healthCheckNodePort: this.#or(30_000 + below(100)),
    }
    const ingress = some(3, () => this.#or({ ip: this.#address(), ipMode: this.#or(one(['VIP', 'Proxy'])) }))
    const labels = chance(0.05) ? { 'service.kubernetes.io/service-proxy-name': 'other' } : {}
    return this.#object(this.#name(), labels, { spec: this.#or(spec), status: this.#or({ loadBalancer: { ingress } }) })
  }

  slice(): KubeObject {
    const { one, chance, below } = this.#random
    const service = this.#name()
    const family = one(['IPv4', 'IPv6'])
    const endpoint = (): unknown => ({
      addresses: this.#list(2, () => (chance(0.8) ? this.#podIP(family) : this.#address())),
      conditions: this.#or({
        ready: this.#or(one([true, true, false, null, undefined])),
        serving: this.#or(one([true, false, null, undefined])),
        terminating: this.#or(one([true, false, null, undefined])),
      }),
      nodeName: this.#or(one(['n1', 'n2', 'n3', undefined])),
      hints: chance(0.3) ? this.#or({ forZones: this.#list(2, () => this.#or({ name: one(['a', 'b']) })) }) : undefined,
    })
    const labels = { 'kubernetes.io/service-name': this.#or(service.name) }
    return this.#object({ ...service, name: `${service.name}-${below(3)}` }, labels, {
      addressType: this.#or(family),
      ports: this.#list(4, () => ({ ...(this.#port() as object), port: this.#or(one([8080, 9090, 53])) })),
      endpoints: this.#list(chance(0.02) ? 300 : 5, () => this.#or(endpoint())),
    })
  }

  node(): KubeObject {
    const { one } = this.#random
    const found = this.#list(4, () =>
      this.#or({
        type: this.#or(one(['InternalIP', 'ExternalIP', 'Hostname'])),
        address: this.#or(this.#address()),
      }),
    )
    return this.#object(
      { name: one(['n1', 'n2', 'n3', 'n4']) },
      { 'topology.kubernetes.io/zone': this.#or('a') },
      {
        spec: this.#or({ podCIDR: this.#or('10.42.0.0/24'), podCIDRs: this.#list(2, () => this.#range()) }),
        status: this.#or({ addresses: found }),
      },
    )
  }

  serviceCIDR(): KubeObject {
    const { one } = this.#random
    return this.#object(
      { name: one(['kubernetes', 'more', 'odd']) },
      {},
      {
        spec: this.#or({ cidrs: this.#list(2, () => this.#range()) }),
      },
    )
  }

  #object(name: object, labels: object, rest: object): KubeObject {
    const { below } = this.#random
    const createdMs = 1_700_000_000_000 + below(1_000_000) * 1000
    const metadata = {
      ...name,
      labels: this.#or(labels),
      creationTimestamp: this.#or(new Date(createdMs).toISOString()),
    }
    // As it comes over the wire.
    return JSON.parse(JSON.stringify({ metadata, ...rest })) as KubeObject
  }

  #name(): { namespace: string; name: string } {
    const { below, chance } = this.#random
    if (chance(0.01)) return { namespace: 'default', name: 'kubernetes' }
    if (chance(this.#oddness / 10)) return { namespace: 'default', name: String(this.#or('x', 1)) || 'x' }
    return { namespace: ['default', 'a'][below(2)] as string, name: `s${below(200)}` }
  }

  #port(): unknown {
    const { one, below, chance } = this.#random
    return this.#or({
      name: this.#or(one(['', 'http', 'dns', 'dns-tcp'])),
      protocol: this.#or(one(['TCP', 'UDP', 'SCTP', undefined])),
      port: this.#or(chance(0.7) ? one(portNumbers) : below(66_000)),
      nodePort: this.#or(chance(0.4) ? 0 : one([...portNumbers, 30_000 + below(2768)])),
    })
  }

  #both(): string[] {
    const n = 1 + this.#random.below(250)
    return this.#random.chance(0.5)
      ? [`10.43.0.${n}`, `fd43::${n.toString(16)}`]
      : [`fd43::${n.toString(16)}`, `10.43.0.${n}`]
  }

  #clusterIP = (): string => (this.#random.chance(0.8) ? (this.#both()[0] as string) : this.#address())

  #address(): string {
    const { chance, below, one } = this.#random
    if (chance(0.5)) return one(addresses)
    return chance(0.5) ? `203.0.113.${below(30)}` : `2001:db8::${below(30).toString(16)}`
  }

  #podIP(family: string): string {
    const n = this.#random.below(250)
    return family === 'IPv4' ? `10.42.0.${n}` : `fd42::${n.toString(16)}`
  }

  #range = (): string => {
    const { chance, below, one } = this.#random
    return chance(0.5) ? one(ranges) : `${below(256)}.${below(256)}.0.0/${below(34)}`
  }

  #list(most: number, make: () => unknown): unknown {
    return this.#or(this.#random.some(most, () => this.#or(make(), this.#oddness / 3)))
  }

  /** Mostly the value itself. */
  #or(value: unknown, oddness = this.#oddness): unknown {
    const { chance, one } = this.#random
    if (!chance(oddness)) return value
    return chance(0.3) ? undefined : one(strange)
  }
}
