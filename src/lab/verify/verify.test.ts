import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/eventually.ts'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { connectTcp, listenTcp, udpSocket } from '../../kernel/sockets.ts'
import type { ObjectList } from '../../kube/client.ts'
import type { EchoReply } from '../echo-protocol.ts'
import type { LabState } from '../state.ts'
import { cutOff } from './cut-off.ts'
import { verify } from './index.ts'
import type { Lister } from './objects.ts'
import { probe } from './probe.ts'
import { netnsPathOf, OpenNamespaces, tryAll } from './runner.ts'
import { endpoint, nodes, objects, pod, reply, service, slice } from './testing.ts'
import type { Claim, ClusterObjects, Row } from './types.ts'

/*
 * A node whose Services are made by hand, with nft, so that what verify says can be held against what is known to be so:
 *
 *   client 172.30.0.2 ── 172.30.0.11 node-1 10.42.0.1 ── pods a 10.42.0.5 and b 10.42.0.6 (in one namespace)
 */
const prefix = `weft-t${process.pid}`
const netns = { node: `${prefix}-n1`, pods: `${prefix}-p`, client: `${prefix}-c` }
const isRoot = process.getuid?.() === 0
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

const a = pod('a', '10.42.0.5')
const b = { ...pod('b', '10.42.0.6'), spec: { ...pod('b', '10.42.0.6').spec } }
/** Not Ready themselves, so that nothing is sent from them: they have no namespace of their own here. */
const quiet = (of: typeof a) => ({ ...of, status: { ...of.status, conditions: [] } })
const named = (name: string) => ({ name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } })

const cluster: ClusterObjects = objects({
  pods: [quiet(a), quiet(b)],
  nodes: nodes.slice(0, 1),
  services: [
    service({ ports: [{ name: 'http', port: 80, nodePort: 30_080 }] }),
    service({ clusterIP: '10.43.0.11', clusterIPs: ['10.43.0.11'] }, 'empty'),
    service({ clusterIP: '10.43.0.53', clusterIPs: ['10.43.0.53'], ports: [{ port: 53, protocol: 'UDP' }] }, 'dns'),
    service({ clusterIP: '10.43.0.54', clusterIPs: ['10.43.0.54'], ports: [{ port: 53, protocol: 'UDP' }] }, 'no-dns'),
    service({ clusterIP: '10.43.0.1', clusterIPs: ['10.43.0.1'], ports: [{ name: 'https', port: 443 }] }, 'kubernetes'),
  ],
  slices: [
    slice([endpoint(a), endpoint(b)]),
    slice([endpoint(a)], { metadata: named('dns'), ports: [{ name: '', protocol: 'UDP', port: 5353 }] }),
    slice([{ addresses: ['172.30.0.2'] }], { metadata: named('kubernetes'), ports: [{ name: 'https', port: 6443 }] }),
  ],
})

const lab: LabState = {
  name: 'test',
  supervisorPid: process.pid,
  kubeconfig: '',
  families: ['IPv4'],
  serviceCIDRs: ['10.43.0.0/16'],
  clusterCIDRs: ['10.42.0.0/16'],
  apiAddress: '172.30.0.2',
  apiPort: 6443,
  nodes: [
    {
      name: 'node-1',
      addresses: ['172.30.0.11'],
      podCIDRs: ['10.42.0.0/24'],
      netns: netns.node,
      zone: 'z1',
      holderPid: process.pid,
    },
  ],
  client: { netns: netns.client, addresses: ['172.30.0.2'] },
  router: { netns: netns.client, addresses: ['172.30.0.2'] },
  ready: true,
}

/** The kernel as it should be, with parts that a test can replace. */
const ruleset = ({ backends = '{ 0 : 10.42.0.5, 1 : 10.42.0.6 }', masquerade = 'ct status dnat masquerade' } = {}) => `
table ip t
delete table ip t
table ip t {
  chain services {
    ip daddr 10.43.0.10 tcp dport 80 dnat to numgen random mod 2 map ${backends} : 8080
    ip daddr 172.30.0.11 tcp dport 30080 dnat to numgen random mod 2 map ${backends} : 8080
    ip daddr 10.43.0.53 udp dport 53 dnat to 10.42.0.5 : 5353
    ip daddr 10.43.0.1 tcp dport 443 dnat to 172.30.0.2 : 6443
  }
  chain refuse {
    ip daddr 10.43.0.0/16 tcp dport != 0 reject with tcp reset
    ip daddr 10.43.0.0/16 reject
  }
  chain pre { type nat hook prerouting priority -100; jump services; }
  chain out { type nat hook output priority -100; jump services; }
  chain post { type nat hook postrouting priority 100; ${masquerade}; }
  chain forward { type filter hook forward priority 0; jump refuse; }
  chain output { type filter hook output priority 0; jump refuse; }
}`

const lister = (given: ClusterObjects): Lister => ({
  list<T>(path: string): Promise<ObjectList<T>> {
    const kind = path.split('/').at(-1)
    const items = kind === 'endpointslices' ? given.slices : given[kind as 'pods' | 'services' | 'nodes']
    return Promise.resolve({ items: [...items] as T[], resourceVersion: '1' })
  },
})

const closers: (() => void)[] = []

function ip(...args: string[]): void {
  execFileSync('ip', args)
}

function nft(text: string): void {
  execFileSync('ip', ['netns', 'exec', netns.node, 'nft', '-f', '-'], { input: text })
}

function connect(from: string, fromAddress: string, to: string, toAddress: string): void {
  ip('-n', netns.node, 'link', 'add', from, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', to)
  ip('-n', netns.node, 'address', 'add', `${fromAddress}/24`, 'dev', from)
  ip('-n', netns.node, 'link', 'set', from, 'up')
  ip('-n', to, 'address', 'add', `${toAddress}/24`, 'dev', 'eth0')
  ip('-n', to, 'link', 'set', 'eth0', 'up')
}

const replyText = (of: typeof a, change: Partial<EchoReply>): string => {
  const observation = reply(of, '', change)
  return observation.outcome === 'answer' ? JSON.stringify(observation.reply) : ''
}

function listen(server: Server, namespace: NetworkNamespace, address: string, port: number): void {
  server.listen({ fd: listenTcp(namespace, address, port) })
  closers.push(() => server.close())
}

function echoTCP(namespace: NetworkNamespace, of: typeof a): void {
  const server = createServer((request, response) => {
    const { localAddress = '', localPort = 0, remoteAddress: clientAddress = '' } = request.socket
    response.end(replyText(of, { localAddress, localPort, clientAddress }))
  })
  listen(server, namespace, of.status?.podIP ?? '', 8080)
}

async function echoUDP(namespace: NetworkNamespace, of: typeof a): Promise<void> {
  const socket = await udpSocket(namespace, { address: of.status?.podIP ?? '', port: 5353 })
  socket.on('message', (_, from) =>
    socket.send(
      replyText(of, { protocol: 'UDP', localPort: 5353, clientAddress: from.address }),
      from.port,
      from.address,
    ),
  )
  closers.push(() => socket.close())
}

/** When the link on the way carries packets: the kernel gives it its queue some time after it came up, and a datagram that is sent before is lost. */
async function carries(from: NetworkNamespace, address: string, port: number): Promise<void> {
  const socket = connectTcp(from, { address, port })
  await once(socket, 'connect')
  socket.destroy()
}

function serveAPI(namespace: NetworkNamespace): void {
  const dir = mkdtempSync(join(tmpdir(), 'weft-verify-'))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  execFileSync('openssl', [...request, '-subj', '/CN=api', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
    response.end('{}'),
  )
  rmSync(dir, { recursive: true })
  server.listen({ fd: listenTcp(namespace, '172.30.0.2', 6443) })
  closers.push(() => server.close())
}

describe.skipIf(!isRoot || !hasOpenssl)('verify (needs root for network namespaces, openssl for a certificate)', () => {
  beforeAll(async () => {
    for (const name of Object.values(netns)) ip('netns', 'add', name)
    for (const name of Object.values(netns)) ip('-n', name, 'link', 'set', 'lo', 'up')
    connect('client', '172.30.0.11', netns.client, '172.30.0.2')
    connect('pods', '10.42.0.1', netns.pods, '10.42.0.5')
    ip('-n', netns.pods, 'address', 'add', '10.42.0.6/24', 'dev', 'eth0')
    ip('-n', netns.pods, 'route', 'add', 'default', 'via', '10.42.0.1')
    ip('-n', netns.node, 'route', 'add', 'default', 'via', '172.30.0.2')
    ip('-n', netns.client, 'route', 'add', '10.43.0.0/16', 'via', '172.30.0.11')
    const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv4.icmp_ratelimit=0']
    execFileSync('ip', ['netns', 'exec', netns.node, 'sysctl', '-qw', ...sysctls])
    const pods = NetworkNamespace.named(netns.pods)
    const client = NetworkNamespace.named(netns.client)
    const node = NetworkNamespace.named(netns.node)
    closers.push(
      () => node.close(),
      () => pods.close(),
      () => client.close(),
    )
    echoTCP(pods, a)
    echoTCP(pods, b)
    await echoUDP(pods, a)
    serveAPI(client)
    await carries(node, '10.42.0.5', 8080)
    await carries(node, '172.30.0.2', 6443)
  })

  afterAll(() => {
    for (const close of closers.reverse()) close()
    for (const name of Object.values(netns)) execFileSync('ip', ['netns', 'delete', name])
  })

  const mismatches = (rows: readonly Row[]) =>
    rows
      .filter(({ result }) => result === 'MISMATCH')
      .map(({ check, what, from, cameBack }) => ({ check, what, from, cameBack }))

  it('finds nothing wrong with a kernel that does what the objects say', async () => {
    nft(ruleset())
    const { rows, counts } = await verify(lab, lister(cluster))
    expect(mismatches(rows)).toEqual([])
    expect(rows.filter(({ firstAttempt }) => firstAttempt !== undefined)).toEqual([])
    expect(counts).toMatchObject({ mismatched: 0, late: 0 })
    for (const check of ['outside → node', 'node → outside'])
      expect(rows.find((row) => row.check === check)).toMatchObject({ result: 'ok', tried: 1 })
    const ok = rows
      .filter(({ result }) => result === 'ok')
      .map(({ check, what, from }) => `${check}: ${what} (${from})`)
    expect(ok).toEqual(
      expect.arrayContaining([
        'ClusterIP from node: default/web:http 10.43.0.10:80/TCP (node-1)',
        'ClusterIP from node: default/empty:http 10.43.0.11:80/TCP (node-1)',
        'ClusterIP from node: default/no-dns:53 10.43.0.54:53/UDP (node-1)',
        'ClusterIP from outside: default/dns:53 10.43.0.53:53/UDP (outside)',
        'NodePort from outside: default/web:http 172.30.0.11:30080/TCP (outside)',
        'unserved port: default/web 10.43.0.10:9/TCP (outside)',
        'API by ClusterIP: default/kubernetes:https 10.43.0.1:443/TCP (node-1)',
      ]),
    )
  })

  it('finds an endpoint that gets nothing', async () => {
    nft(ruleset({ backends: '{ 0 : 10.42.0.5, 1 : 10.42.0.5 }' }))
    const found = mismatches((await verify(lab, lister(cluster))).rows)
    expect(found.map(({ check }) => check)).toEqual([
      'ClusterIP from node',
      'ClusterIP from outside',
      'NodePort from node',
      'NodePort from outside',
    ])
    expect(found[0]?.cameBack).toMatch(/^1\/2 endpoints, .*; never default\/b$/)
  })

  it('finds an endpoint that should get nothing', async () => {
    nft(ruleset())
    const unready = slice([endpoint(a), endpoint(b, { ready: false })])
    const { rows } = await verify(lab, lister({ ...cluster, slices: [unready, ...cluster.slices.slice(1)] }))
    expect(mismatches(rows)[0]?.cameBack).toMatch(/answered by default\/b at 10.42.0.6 port 8080/)
  })

  it("finds a source that is the client's own", async () => {
    nft(ruleset({ masquerade: '' }))
    const found = mismatches((await verify(lab, lister(cluster))).rows)
    expect(found.find(({ check }) => check === 'ClusterIP from outside')?.cameBack).toContain('saw source 172.30.0.2')
  })

  it('finds what is dropped where it should be refused', async () => {
    nft(`${ruleset()}\nflush chain ip t refuse\nadd rule ip t refuse ip daddr 10.43.0.0/16 drop`)
    const found = mismatches((await verify(lab, lister(cluster))).rows)
    expect(found.filter(({ check }) => check === 'unserved port').map(({ cameBack }) => cameBack)).toContain(
      'no answer',
    )
  })

  it('lets a change that is on its way arrive', async () => {
    nft(ruleset({ backends: '{ 0 : 10.42.0.5, 1 : 10.42.0.5 }' }))
    const { counts } = await verify(lab, lister(cluster), {
      progress: (text) => {
        if (text.includes('did not hold')) nft(ruleset())
      },
    })
    expect(counts).toMatchObject({ mismatched: 0, late: 4 })
  })

  it('waits for many that are silent at once', async () => {
    nft(`${ruleset()}\nflush chain ip t refuse\nadd rule ip t refuse ip daddr 10.43.0.0/16 drop`)
    const claims = Array.from({ length: 150 }, (_, index) => ({
      check: 'c',
      what: '',
      group: '',
      origin: { kind: 'outside', name: 'outside', addresses: [] },
      target: { address: '10.43.0.77', port: 1000 + index, protocol: 'TCP' },
      expectation: { kind: 'refused', because: '' },
      tries: { most: 1, least: 1 },
    })) satisfies Claim[]
    let begun = 0
    const namespaces = new OpenNamespaces()
    const patience = { answerMs: 100_000, silenceMs: 100_000 }
    try {
      const running = tryAll(claims, { lab, namespaces, patienceFor: () => patience, room: async () => void begun++ })
      await eventually(() => expect(begun).toBe(claims.length))
      // TCP asks again, and now it is told.
      nft(ruleset())
      const outcomes = (await running).flatMap(({ observations }) => observations.map(({ outcome }) => outcome))
      expect(new Set(outcomes)).toEqual(new Set(['refused']))
    } finally {
      namespaces.close()
    }
  })

  it('says at once who is cut off', () => {
    // The node of this test has links by other names, and its pods' namespace stands in for a router.
    const places = { nodes: [], router: { netns: netns.pods, addresses: [] }, client: lab.client }
    expect(cutOff(places)).toEqual([])
    expect(cutOff({ ...places, nodes: lab.nodes })).toEqual([{ name: 'node-1', why: 'it has no eth0' }])
    expect(cutOff({ ...places, client: { ...lab.client, netns: `${prefix}-none` } })).toEqual([])
    const pods = (...args: string[]): void => ip('-n', netns.pods, ...args)
    ip('-n', netns.node, 'link', 'set', 'pods', 'down')
    expect(cutOff(places)).toEqual([{ name: 'the router', why: 'the other end of its eth0 is down' }])
    ip('-n', netns.node, 'link', 'set', 'pods', 'up')
    pods('link', 'set', 'eth0', 'down')
    const why = `its eth0 is down ('ip -n ${netns.pods} link set eth0 up')`
    expect(cutOff(places)).toEqual([{ name: 'the router', why }])
    pods('link', 'set', 'eth0', 'up')
    pods('route', 'add', 'default', 'via', '10.42.0.1')
  })

  it('reports ICMP errors of UDP as refused', async () => {
    nft(ruleset())
    const target = { address: '10.43.0.54', port: 53, protocol: 'UDP' } as const
    const client = NetworkNamespace.named(netns.client)
    try {
      const claim = { target, expectation: { kind: 'refused', because: '' } } as Claim
      expect(await probe(claim, client)).toEqual({ outcome: 'refused' })
    } finally {
      client.close()
    }
  })
})

describe('netnsPathOf', () => {
  it('finds pods below the holder of their node', () => {
    const origin = { kind: 'pod', name: 'default/a', uid: 'u-1', node: 'node-1', addresses: [] } as const
    expect(netnsPathOf(origin, lab)).toBe(`/proc/${process.pid}/root/run/netns/cni-u-1`)
    expect(netnsPathOf({ ...origin, node: 'gone' }, lab)).toBeUndefined()
  })
})
