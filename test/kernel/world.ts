import { execFileSync } from 'node:child_process'
import type { Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectTcp, listenTcp, udpSocket } from '../../src/kernel/sockets.ts'

/** Why tests with namespaces cannot run here; undefined where they can. Shown beside the names of the skipped tests. */
export const noRoot: string | undefined = process.getuid?.() === 0 ? undefined : 'needs root for network namespaces'

export const addresses = { node: '172.30.0.11', outside: '172.30.0.200', pod1: '10.42.0.2', pod2: '10.42.0.3' } as const
export type Host = keyof typeof addresses

/**
 * A node with two pods on its bridge and a client outside that routes the service CIDR to it, in namespaces of their own. Each host answers on TCP and UDP port 8080 with
 * its name and the address that it sees.
 */
export class World {
  readonly #prefix: string
  readonly #closers: (() => void)[] = []
  readonly #namespaces = new Map<Host, NetworkNamespace>()

  constructor(name: string) {
    this.#prefix = `weft-t${process.pid}-${name}`
  }

  name = (host: Host): string => `${this.#prefix}-${host}`
  namespace = (host: Host): NetworkNamespace => this.#namespaces.get(host) as NetworkNamespace

  async up(): Promise<void> {
    for (const host of Object.keys(addresses) as Host[]) {
      await createNetns(this.name(host))
      this.#closers.push(() => void deleteNetns(this.name(host)))
      this.#namespaces.set(host, NetworkNamespace.named(this.name(host)))
    }
    this.#ip('node', [
      'link set lo up',
      'link add cni0 type bridge',
      'link set cni0 up',
      'addr add 10.42.0.1/24 dev cni0',
      `link add eth0 type veth peer name eth0 netns ${this.name('outside')}`,
      `addr add ${addresses.node}/24 dev eth0`,
      'link set eth0 up',
      ...(['pod1', 'pod2'] as const).flatMap((pod) => [
        `link add ${pod} type veth peer name eth0 netns ${this.name(pod)}`,
        `link set ${pod} master cni0 up`,
        `link set ${pod} type bridge_slave hairpin on`,
      ]),
    ])
    this.#ip('outside', [
      'link set lo up',
      `addr add ${addresses.outside}/24 dev eth0`,
      'link set eth0 up',
      `route add 10.43.0.0/16 via ${addresses.node}`,
    ])
    // Without a route a packet to a ClusterIP is refused before any rule sees it.
    this.#ip('node', [`route add default via ${addresses.outside}`])
    for (const pod of ['pod1', 'pod2'] as const) {
      this.#ip(pod, [
        'link set lo up',
        `addr add ${addresses[pod]}/24 dev eth0`,
        'link set eth0 up',
        'route add default via 10.42.0.1',
      ])
    }
    const sysctls = [
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.eth0.send_redirects=0',
      'net.bridge.bridge-nf-call-iptables=1',
    ]
    execFileSync('ip', ['netns', 'exec', this.name('node'), 'sysctl', '-q', '-w', ...sysctls])
    for (const pod of ['pod1', 'pod2'] as const) await this.#serve(pod)
  }

  async down(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) close()
    for (const namespace of this.#namespaces.values()) namespace.close()
  }

  nft(...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name('node'), 'nft', ...args], { encoding: 'utf8' })
  }

  /** Who answered, and whom it saw, e.g. `pod1 172.30.0.11`; or the error's code. */
  tcp(from: Host, address: string, port: number): Promise<string> {
    return new Promise((resolve) => {
      let text = ''
      const socket: Socket = connectTcp(this.namespace(from), { address, port })
      socket.setTimeout(2000, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })))
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('close', () => resolve(text))
    })
  }

  async udp(from: Host, address: string, port: number, waitMs = 1000): Promise<string> {
    const socket = await udpSocket(this.namespace(from), {})
    const answer = new Promise<string>((resolve) => {
      socket.once('message', (message) => resolve(message.toString()))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      setTimeout(() => resolve('TIMEOUT'), waitMs)
    })
    socket.send('hello', port, address)
    const text = await answer
    socket.close()
    return text
  }

  async #serve(host: Host): Promise<void> {
    const server: Server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`${host} ${socket.remoteAddress}`)
    })
    server.listen({ fd: listenTcp(this.namespace(host), '0.0.0.0', 8080) })
    const udp: UdpSocket = await udpSocket(this.namespace(host), { address: '0.0.0.0', port: 8080 })
    udp.on('message', (_, from) => udp.send(`${host} ${from.address}`, from.port, from.address))
    this.#closers.push(() => {
      server.close()
      udp.close()
    })
  }

  #ip(host: Host, lines: string[]): void {
    execFileSync('ip', ['-n', this.name(host), '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
}
