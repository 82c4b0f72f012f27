import { execFileSync } from 'node:child_process'
import type { Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { type Family, families, familyOf } from '../../src/model/ip.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectTcp, listenTcp, udpSocket } from '../../src/kernel/sockets.ts'
import { afterSilence } from '../silence.ts'

/** Why tests with namespaces cannot run here; undefined where they can. Shown beside the names of the skipped tests. */
export const noRoot: string | undefined = process.getuid?.() === 0 ? undefined : 'needs root for network namespaces'

export const addresses = {
  node: '172.30.0.11',
  outside: '172.30.0.200',
  pod1: '10.42.0.2',
  pod2: '10.42.0.3',
  pod3: '10.42.0.4',
} as const
export type Host = keyof typeof addresses

/** What the tests need to know of the world in one family. */
export interface Plan {
  hosts: Readonly<Record<Host, string>>
  /** The node's address on the pods' bridge: what pods see of a masqueraded client. */
  bridge: string
  /** A second address of the node's, which is none of its Node object's. */
  other: string
  podCIDR: string
  serviceCIDR: string
  /** Addresses that lead to the node from outside and belong to nobody: for load balancers and external IPs. */
  publicCIDR: string
}

export const plans: Readonly<Record<Family, Plan>> = {
  IPv4: {
    hosts: addresses,
    bridge: '10.42.0.1',
    other: '172.30.0.12',
    podCIDR: '10.42.0.0/16',
    serviceCIDR: '10.43.0.0/16',
    publicCIDR: '203.0.113.0/24',
  },
  IPv6: {
    hosts: { node: 'fd30::11', outside: 'fd30::200', pod1: 'fd42::2', pod2: 'fd42::3', pod3: 'fd42::4' },
    bridge: 'fd42::1',
    other: 'fd30::12',
    podCIDR: 'fd42::/56',
    serviceCIDR: 'fd43::/112',
    publicCIDR: '2001:db8:1::/64',
  },
}

export interface UdpClient {
  /** Who answered, and whom it saw; or the error's code, or TIMEOUT. */
  ask(address: string, port: number, waitMs?: number): Promise<string>
  close(): void
}

/** Longer than a connection takes whose first two packets got lost. */
const answerMs = 5000
/** How long nobody may answer for a packet to count as dropped. */
export const droppedMs = 500

const lengths = { IPv4: 24, IPv6: 64 } as const
const pods = ['pod1', 'pod2', 'pod3'] as const

/**
 * A node with three pods on its bridge and a client outside that routes Services' addresses to it, in namespaces of their own, both families. The first two pods answer on TCP
 * and UDP port 8080 with their name and the address that they see.
 */
export class World {
  readonly #prefix: string
  readonly #closers: (() => unknown)[] = []
  readonly #namespaces = new Map<Host, NetworkNamespace>()

  constructor(name: string) {
    this.#prefix = `weft-t${process.pid}-${name}`
  }

  name = (host: Host): string => `${this.#prefix}-${host}`
  namespace = (host: Host): NetworkNamespace => this.#namespaces.get(host) as NetworkNamespace

  async up(): Promise<void> {
    for (const host of Object.keys(addresses) as Host[]) {
      await createNetns(this.name(host))
      this.#closers.push(() => deleteNetns(this.name(host)))
      this.#namespaces.set(host, NetworkNamespace.named(this.name(host)))
      // Link-local addresses are there at once, and not when nobody was found to have the same (RFC 4862 §5.4): until then first packets get lost.
      this.#sysctl(host, 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0')
    }
    this.#ip('node', [
      'link set lo up',
      'link add cni0 type bridge',
      'link set cni0 up',
      `link add eth0 type veth peer name eth0 netns ${this.name('outside')}`,
      'link set eth0 up',
      ...pods.flatMap((pod) => [
        `link add ${pod} type veth peer name eth0 netns ${this.name(pod)}`,
        `link set ${pod} master cni0 up`,
        `link set ${pod} type bridge_slave hairpin on`,
      ]),
    ])
    for (const host of ['outside', ...pods] as const) this.#ip(host, ['link set lo up', 'link set eth0 up'])
    for (const family of families) this.#address(family)
    this.#sysctl(
      'node',
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.eth0.send_redirects=0',
      'net.bridge.bridge-nf-call-iptables=1',
      'net.bridge.bridge-nf-call-ip6tables=1',
      'net.ipv6.conf.all.forwarding=1',
    )
    for (const pod of ['pod1', 'pod2'] as const) await this.#serve(pod)
    await this.#carries()
  }

  async down(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
    for (const namespace of this.#namespaces.values()) namespace.close()
  }

  /** When every link carries packets (the kernel gives it its queue some time after it came up) and neighbours are found: what is sent before may be lost. */
  async #carries(): Promise<void> {
    const links: [Host, Host][] = [
      ...pods.map((pod): [Host, Host] => ['node', pod]),
      ['pod3', 'pod1'],
      ['pod3', 'pod2'],
    ]
    for (const { hosts } of Object.values(plans)) {
      for (const [from, to] of [...links, ['outside', 'node']] as const) {
        // A refusal is an answer.
        while ((await this.tcp(from, hosts[to], 8080, droppedMs)) === 'TIMEOUT');
      }
    }
  }

  nft(...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name('node'), 'nft', ...args], { encoding: 'utf8' })
  }

  /** Who answered, and whom it saw, e.g. `pod1 172.30.0.11`; or the error's code. */
  tcp(from: Host, address: string, port: number, waitMs = answerMs): Promise<string> {
    return new Promise((resolve) => {
      let text = ''
      const socket: Socket = connectTcp(this.namespace(from), { address, port })
      const stop = afterSilence(waitMs, () =>
        socket.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })),
      )
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('close', () => {
        stop()
        resolve(text)
      })
    })
  }

  async udp(from: Host, address: string, port: number, waitMs = answerMs): Promise<string> {
    const socket = await udpSocket(this.namespace(from), { address: any[familyOf(address)] })
    const answer = new Promise<string>((resolve) => {
      socket.once('message', (message) => resolve(message.toString()))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.once(
        'close',
        afterSilence(waitMs, () => resolve('TIMEOUT')),
      )
    })
    socket.send('hello', port, address)
    const text = await answer
    socket.close()
    return text
  }

  /** A client that goes on asking from one port. */
  async udpClient(from: Host, family: Family): Promise<UdpClient> {
    const socket = await udpSocket(this.namespace(from), { address: any[family] })
    const ask = (address: string, port: number, waitMs = answerMs): Promise<string> =>
      new Promise((resolve) => {
        const done = (text: string): void => {
          stop()
          socket.removeAllListeners()
          resolve(text)
        }
        const stop = afterSilence(waitMs, () => done('TIMEOUT'))
        socket.once('message', (message) => done(message.toString()))
        socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
        socket.send('hello', port, address)
      })
    return { ask, close: () => void socket.close() }
  }

  /** Addresses and routes of one family. Without a route a packet to a ClusterIP is refused before any rule sees it. */
  #address(family: Family): void {
    const { hosts, bridge, other, serviceCIDR, publicCIDR } = plans[family]
    const length = lengths[family]
    const alone = family === 'IPv6' ? 'nodad' : ''
    this.#ip('node', [
      `addr add ${bridge}/${length} dev cni0 ${alone}`,
      `addr add ${hosts.node}/${length} dev eth0 ${alone}`,
      `addr add ${other}/${length} dev eth0 ${alone}`,
      `route add default via ${hosts.outside}`,
    ])
    this.#ip('outside', [
      `addr add ${hosts.outside}/${length} dev eth0 ${alone}`,
      ...[serviceCIDR, publicCIDR].map((cidr) => `route add ${cidr} via ${hosts.node}`),
    ])
    for (const pod of pods) {
      this.#ip(pod, [`addr add ${hosts[pod]}/${length} dev eth0 ${alone}`, `route add default via ${bridge}`])
    }
  }

  async #serve(host: Host): Promise<void> {
    for (const family of families) {
      const address = plans[family].hosts[host]
      const server: Server = createServer((socket) => {
        socket.on('error', () => {})
        socket.end(`${host} ${socket.remoteAddress}`)
      })
      server.listen({ fd: listenTcp(this.namespace(host), address, 8080) })
      const udp: UdpSocket = await udpSocket(this.namespace(host), { address, port: 8080 })
      udp.on('message', (_, from) => udp.send(`${host} ${from.address}`, from.port, from.address))
      this.#closers.push(() => {
        server.close()
        udp.close()
      })
    }
  }

  #sysctl(host: Host, ...settings: string[]): void {
    execFileSync('ip', ['netns', 'exec', this.name(host), 'sysctl', '-q', '-w', ...settings])
  }

  #ip(host: Host, lines: string[]): void {
    execFileSync('ip', ['-n', this.name(host), '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
}

const any = { IPv4: '0.0.0.0', IPv6: '::' } as const
