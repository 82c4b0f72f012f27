import { execFileSync } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectTcp, listenTcp, udpSocket } from '../../src/kernel/sockets.ts'
import { familyOf } from '../../src/model/ip.ts'
import { afterSilence } from '../silence.ts'

const hosts = ['node', 'pod', 'neighbour', 'remote', 'client'] as const
export type Host = (typeof hosts)[number]

/** Over IPv6 a connection hears of a refusal by ICMP only when it asks again, after a second. */
const waitMs = 2200

/** Addresses at which a host answers, and the ports of the fixture's endpoints. */
const served: readonly (readonly [Host, string, readonly number[]])[] = [
  ['pod', '10.42.0.21', [8080]],
  ['pod', 'fd42::21', [8080]],
  ['neighbour', '10.42.0.22', [53, 8080, 8443]],
  ['remote', '10.42.1.21', [53, 8080]],
  ['remote', '10.42.2.21', [8080, 8443]],
  ['remote', 'fd42:0:0:1::21', [8080]],
  ['remote', '172.31.7.11', [443]],
  ['client', '192.0.2.2', [6443]],
]

/** Who is asked, over each link in both families, until they answer: what is sent before a link carries packets, and its neighbours are found, may be lost. */
const links: readonly (readonly [Host, string])[] = [
  ...(['10.42.0.21', '10.42.0.22', 'fd42::21', 'fd42::22'] as const).map((pod) => ['node', pod] as const),
  ['pod', '10.42.0.22'],
  ['pod', 'fd42::22'],
  ...(['172.31.7.1', '172.31.7.11', '2001:db8::1', '2001:db8::11'] as const).map((host) => ['node', host] as const),
  ['client', '172.31.7.11'],
  ['client', '2001:db8::11'],
]

/**
 * The machines of test/fixtures/kube-proxy in namespaces: the node with two pods, another node with the pods of two, and a client that is the router. The client speaks to load balancers
 * from 198.51.100.7, which is in the fixture's source ranges; the other node's address is in none. Each endpoint answers with its address and whom it sees.
 */
export class KubeProxyWorld {
  readonly #prefix = `weft-t${process.pid}-oracle`
  readonly #closers: (() => unknown)[] = []
  readonly #namespaces = new Map<Host, NetworkNamespace>()

  name = (host: Host): string => `${this.#prefix}-${host}`
  namespace = (host: Host): NetworkNamespace => this.#namespaces.get(host) as NetworkNamespace

  async up(): Promise<void> {
    for (const host of hosts) {
      await createNetns(this.name(host))
      this.#closers.push(() => deleteNetns(this.name(host)))
      this.#namespaces.set(host, NetworkNamespace.named(this.name(host)))
      // Link-local addresses too are there at once, so that neighbours are found by the first packet.
      this.#sysctl(host, 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0')
    }
    this.#links()
    this.#addresses()
    for (const [host, address, ports] of served) for (const port of ports) await this.#serve(host, address, port)
    for (const [from, to] of links) while ((await this.tcp(from, to, 1)) === 'TIMEOUT');
  }

  async down(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
    for (const namespace of this.#namespaces.values()) namespace.close()
  }

  nft(input: string): void {
    execFileSync('ip', ['netns', 'exec', this.name('node'), 'nft', '-f', '-'], { input })
  }

  tcp(from: Host, address: string, port: number): Promise<string> {
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

  async udp(from: Host, address: string, port: number): Promise<string> {
    const socket = await udpSocket(this.namespace(from), { address: familyOf(address) === 'IPv4' ? '0.0.0.0' : '::' })
    const text = await new Promise<string>((resolve) => {
      socket.once('message', (message) => resolve(message.toString()))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.once(
        'close',
        afterSilence(waitMs, () => resolve('TIMEOUT')),
      )
      socket.send('hello', port, address)
    })
    socket.close()
    return text
  }

  #links(): void {
    const peer = (host: Host): string => `peer name eth0 netns ${this.name(host)}`
    this.#ip('node', [
      'link set lo up',
      'link add cni0 type bridge',
      'link set cni0 up',
      ...(['pod', 'neighbour'] as const).flatMap((pod) => [
        `link add ${pod} type veth ${peer(pod)}`,
        `link set ${pod} master cni0 up`,
        `link set ${pod} type bridge_slave hairpin on`,
      ]),
    ])
    this.#ip('client', [
      'link set lo up',
      'link add br0 type bridge',
      'link set br0 up',
      ...(['node', 'remote'] as const).flatMap((host) => [
        `link add ${host} type veth ${peer(host)}`,
        `link set ${host} master br0 up`,
      ]),
    ])
    for (const host of ['node', 'pod', 'neighbour', 'remote'] as const) {
      this.#ip(host, ['link set lo up', 'link set eth0 up'])
    }
  }

  #addresses(): void {
    const forwarding = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.send_redirects=0']
    this.#sysctl('client', ...forwarding, 'net.ipv4.conf.br0.send_redirects=0')
    const bridge = ['net.bridge.bridge-nf-call-iptables=1', 'net.bridge.bridge-nf-call-ip6tables=1']
    this.#sysctl(
      'node',
      ...forwarding,
      ...bridge,
      'net.ipv4.conf.eth0.send_redirects=0',
      'net.ipv4.conf.cni0.send_redirects=0',
    )
    this.#ip('client', [
      'addr add 172.31.7.1/24 dev br0',
      'addr add 2001:db8::1/64 dev br0 nodad',
      'addr add 198.51.100.7/32 dev lo',
      'addr add 192.0.2.2/32 dev lo',
      'route add 10.43.0.0/16 via 172.31.7.10',
      'route add 203.0.113.0/24 via 172.31.7.10 src 198.51.100.7',
      'route add fd43::/112 via 2001:db8::10',
      'route add fd42:0:0:1::/64 via 2001:db8::11',
    ])
    this.#ip('node', [
      'addr add 172.31.7.10/24 dev eth0',
      'addr add 2001:db8::10/64 dev eth0 nodad',
      'addr add 10.42.0.1/24 dev cni0',
      'addr add fd42::1/64 dev cni0 nodad',
      'route add default via 172.31.7.1',
      'route add default via 2001:db8::1',
      ...['10.42.1.0/24', '10.42.2.0/24'].map((cidr) => `route add ${cidr} via 172.31.7.11`),
      'route add fd42:0:0:1::/64 via 2001:db8::11',
    ])
    this.#ip('remote', [
      'addr add 172.31.7.11/24 dev eth0',
      'addr add 2001:db8::11/64 dev eth0 nodad',
      ...['10.42.1.21/32', '10.42.2.21/32'].map((address) => `addr add ${address} dev lo`),
      'addr add fd42:0:0:1::21/128 dev lo nodad',
      'route add default via 172.31.7.1',
      'route add default via 2001:db8::1',
      'route add 10.42.0.0/24 via 172.31.7.10',
      'route add fd42::/64 via 2001:db8::10',
    ])
    for (const [pod, own] of [
      ['pod', '21'],
      ['neighbour', '22'],
    ] as const) {
      this.#ip(pod, [
        `addr add 10.42.0.${own}/24 dev eth0`,
        `addr add fd42::${own}/64 dev eth0 nodad`,
        'route add default via 10.42.0.1',
        'route add default via fd42::1',
      ])
    }
  }

  async #serve(host: Host, address: string, port: number): Promise<void> {
    const answer = (seen: string | undefined): string => `${address} ${port} sees ${seen}`
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(answer(socket.remoteAddress))
    })
    server.listen({ fd: listenTcp(this.namespace(host), address, port) })
    const udp = await udpSocket(this.namespace(host), { address, port })
    udp.on('message', (_, from) => udp.send(answer(from.address), from.port, from.address))
    this.#closers.push(() => {
      server.close()
      udp.close()
    })
  }

  #sysctl(host: Host, ...settings: string[]): void {
    execFileSync('ip', ['netns', 'exec', this.name(host), 'sysctl', '-q', '-w', ...settings])
  }

  #ip(host: Host, lines: string[]): void {
    execFileSync('ip', ['-n', this.name(host), '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
}
