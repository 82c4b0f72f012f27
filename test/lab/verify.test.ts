import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AgentStatus } from '../../src/daemon/status-server.ts'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import type { Pod, ServiceSpec } from '../../src/kube/types.ts'
import { connectTcp } from '../../src/kernel/sockets.ts'
import { readLabState } from '../../src/lab/state.ts'
import type { Report } from '../../src/lab/verify/index.ts'
import { eventually } from '../eventually.ts'
import { afterSilence } from '../silence.ts'

const root = join(import.meta.dirname, '../..')
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

/** A Service in front of the storefront. */
const service = (name: string, spec: Partial<ServiceSpec>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { app: 'storefront' }, ...spec },
})

describe.skipIf(!isRoot || !isBuilt)('Services in a lab (needs root and a build: npm run build)', () => {
  const name = `v${process.pid}`
  const call = (...args: string[]) => run(process.execPath, [weft, ...args], { timeoutMs: 110_000 })
  const lab = (command: string, ...args: string[]) => call('lab', command, '--name', name, ...args)
  const kubectl = async (...args: string[]): Promise<string> => {
    const { kubeconfig } = readLabState(name)
    return (await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, '-n', 'shop', ...args])).stdout
  }
  /** What the agents of all three nodes say, once each of them answers. */
  const agents = (): Promise<AgentStatus[]> =>
    eventually(async () => {
      const { items } = JSON.parse((await call('status', '--name', name, '-o', 'json')).stdout)
      const found = items.filter(({ role }: { role: string }) => role === 'agent')
      expect(found).toHaveLength(3)
      return found
    })
  const nft = (node: string, ...args: string[]) =>
    execFileSync('ip', ['netns', 'exec', `weft-${name}-${node}`, 'nft', ...args], { encoding: 'utf8' })
  const hostNetwork = () =>
    ['link', 'address', 'route', 'rule'].map((what) =>
      // Without how long what others gave the host still lasts.
      execFileSync('ip', ['-o', what], { encoding: 'utf8' }).replaceAll(/\d+sec/g, ''),
    )

  async function verify(): Promise<{ code: number; report: Report }> {
    const { code, stdout } = await lab('verify', '-o', 'json')
    return { code: code ?? -1, report: JSON.parse(stdout) as Report }
  }
  const expectVerified = async () => {
    const { code, report } = await verify()
    expect(report.rows.filter(({ result }) => result === 'MISMATCH')).toEqual([])
    expect(code).toBe(0)
    return report
  }

  let before: string[]
  beforeAll(async () => {
    before = hostNetwork()
    expect(await lab('up', '-f', join(root, 'examples/shop.yaml'), '--detach')).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await lab('down')
    expect(hostNetwork()).toEqual(before)
  })

  it('verify: everything that the cluster claims is so', async () => {
    const report = await expectVerified()
    const tried = new Set(report.rows.filter(({ result }) => result === 'ok').map(({ check }) => check))
    const fromEverywhere = ['ClusterIP', 'NodePort'].flatMap((kind) =>
      ['pod', 'node', 'outside'].map((from) => `${kind} from ${from}`),
    )
    const podNetwork = ['pod → pod', 'node → pod', 'outside → pod', 'pod → node', 'node → node', 'outside → node']
    const others = ['pod → outside', 'node → outside', 'unserved port', 'API by ClusterIP']
    for (const check of [...podNetwork, ...others, ...fromEverywhere]) expect(tried).toContain(check)
    expect(report.counts.ok).toBeGreaterThan(250)
    expect(report.causes).toEqual([])
  })

  it('verify tries external and load-balancer addresses, and that nobody is locked out', async () => {
    const manifest = [
      service('outer', { externalIPs: ['203.0.113.9', '172.30.0.1'], ports: [{ port: 8088, targetPort: 'http' }] }),
      service('balanced', {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        loadBalancerSourceRanges: ['198.51.100.0/24'],
        ports: [{ port: 8089, targetPort: 'http' }],
      }),
    ]
    const folder = mkdtempSync(join(tmpdir(), 'weft-verify-'))
    writeFileSync(join(folder, 'services.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest }))
    await kubectl('apply', '-f', folder).finally(() => rmSync(folder, { recursive: true }))
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.10' }, { ip: '203.0.113.11', ipMode: 'Proxy' }] } }
    await kubectl(
      'patch',
      'service',
      'balanced',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    )
    const { rows } = await expectVerified()
    for (const check of [
      ...['pod', 'node', 'outside'].flatMap((from) => [`external IP from ${from}`, `load-balancer IP from ${from}`]),
      'kept address',
    ])
      expect(rows.filter((row) => row.check === check && row.result === 'ok').length, check).toBeGreaterThan(0)
    expect(rows.find(({ what }) => what.includes('203.0.113.11'))).toMatchObject({ result: 'not tried' })
    const routes = execFileSync('ip', ['-n', `weft-${name}-router`, 'route'], { encoding: 'utf8' })
    expect(routes).not.toContain('203.0.113')
    await kubectl('delete', 'service', 'outer', 'balanced')
  })

  it('verify again after scaling, after a pod went, after a Service went, without endpoints', async () => {
    await kubectl('scale', 'deployment', 'storefront', '--replicas=5')
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=90s')
    await expectVerified()
    await kubectl('delete', 'pod', '-l', 'app=storefront', '--wait=false')
    await kubectl('scale', 'deployment', 'catalog', '--replicas=0')
    await kubectl('delete', 'service', 'orders')
    await kubectl('wait', 'pod', '-l', 'app=catalog', '--for=delete', '--timeout=90s')
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=90s')
    const report = await expectVerified()
    expect(report.rows.some(({ should }) => should.includes('refused (no ready endpoint)'))).toBe(true)
    expect(report.rows.some(({ what }) => what.includes('shop/orders:'))).toBe(false)
  })

  /** A firewall of somebody else on a node that refuses or drops what matches, whoever asks from there or through it. */
  const spoil = (node: string, verdict: 'reject' | 'drop', ...matches: string[]) => {
    const rules = matches.map((match) => `${match} ${verdict};`).join(' ')
    const chain = (hook: string) => `chain ${hook} { type filter hook ${hook} priority -350; ${rules} }`
    nft(node, `table ip fault { ${chain('prerouting')}; ${chain('output')}; }`)
  }
  /** Runs verify while something is broken, and gives back the causes that it names. */
  const causesWhile = async (hurt: () => void, heal: () => void = () => {}): Promise<string[]> => {
    hurt()
    try {
      const { code, report } = await verify()
      expect(code).toBe(1)
      const mismatches = report.rows.filter(({ result }) => result === 'MISMATCH')
      expect(mismatches.every(({ cause }) => report.causes[cause ?? -1] !== undefined)).toBe(true)
      return report.causes.map(({ what }) => what)
    } finally {
      heal()
    }
  }
  const podOf = async (app: string) => {
    const { items } = JSON.parse(await kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'json')) as { items: Pod[] }
    return items[0] as Pod
  }
  const inPod = ({ metadata, spec }: Pod, ...command: string[]) => {
    const holder = readLabState(name).nodes.find((node) => node.name === spec.nodeName)?.holderPid
    const netns = `/proc/${holder}/root/run/netns/cni-${metadata.uid}`
    return execFileSync('nsenter', [`--net=${netns}`, ...command])
  }

  describe('names what is broken', () => {
    it('a Service that one node refuses', async () => {
      const clusterIP = await kubectl('get', 'service', 'cart', '-o', 'jsonpath={.spec.clusterIP}')
      const found = await causesWhile(
        () => spoil('node2', 'reject', `ip daddr ${clusterIP} tcp dport 7070`),
        () => void nft('node2', 'delete', 'table', 'ip', 'fault'),
      )
      expect(found).toEqual(['Service shop/cart on node2'])
    })

    it('a route that the router lost', async () => {
      const { nodes } = readLabState(name)
      const route = [nodes[1]?.podCIDRs[0] ?? '', 'via', nodes[1]?.addresses[0] ?? '']
      const router = (verb: string) => execFileSync('ip', ['-n', `weft-${name}-router`, 'route', verb, ...route])
      const [first] = await causesWhile(
        () => void router('del'),
        () => void router('add'),
      )
      expect(first).toBe('between node2 and outside')
    })

    it("a node that lost its way to another's pods", async () => {
      const { nodes } = readLabState(name)
      const [agent] = await agents()
      const pods = nodes[1]?.podCIDRs[0] ?? ''
      const [first] = await causesWhile(
        () => {
          // Else it would be back at once.
          process.kill(agent?.pid ?? 0, 'SIGSTOP')
          execFileSync('ip', ['-n', `weft-${name}-node1`, 'route', 'del', pods])
        },
        () => void process.kill(agent?.pid ?? 0, 'SIGCONT'),
      )
      expect(first).toBe('between node1 and node2')
      await expectVerified()
    })

    it('an endpoint that does not answer', async () => {
      const pod = await podOf('metrics')
      const rules = ['add table inet t', 'add chain inet t in { type filter hook input priority 0; policy drop; }']
      const found = await causesWhile(
        () => void inPod(pod, 'nft', rules.join('; ')),
        () => void inPod(pod, 'nft', 'flush', 'ruleset'),
      )
      expect(found[0]).toBe(`pod shop/${pod.metadata.name}`)
    })

    it('a node that serves no Service', async () => {
      const { nodes, serviceCIDRs } = readLabState(name)
      const matches = [`ip daddr ${serviceCIDRs[0]}`, `ip daddr ${nodes[0]?.addresses[0]} tcp dport 30000-32767`]
      const [first] = await causesWhile(
        // Refused, what nobody serves would be as it should, and the kernel tells only some of so many (icmp_ratelimit): which, depends on the moment.
        () => spoil('node1', 'drop', ...matches),
        () => void nft('node1', 'delete', 'table', 'ip', 'fault'),
      )
      expect(first).toBe('Services on node1')
      await expectVerified()
    })
  })

  it('a route to the pods of another node that somebody removes is back within moments, and counted', async () => {
    const ip = (...args: string[]) => execFileSync('ip', ['-n', `weft-${name}-node1`, ...args], { encoding: 'utf8' })
    const fabric = async () => (await agents())[0]?.parts.find(({ part }) => part === 'fabric/host-gw')
    const drift = (await fabric())?.drift ?? 0
    const route = ip('route', 'show', '10.42.1.0/24')
    expect(route).toMatch(/via 172\.30\.0\.12 dev eth0 proto 87/)
    ip('route', 'del', '10.42.1.0/24')
    await eventually(() => expect(ip('route', 'show', '10.42.1.0/24')).toBe(route))
    await eventually(async () => expect(await fabric()).toMatchObject({ synced: true, drift: drift + 1 }))
  })

  it('an agent that is killed and starts again adopts what is there and writes nothing', async () => {
    await eventually(async () => expect((await agents()).every(({ ready }) => ready)).toBe(true))
    // With handles: what is written again gets another one. The owner of the tables is another process, and what affinity has learnt ages.
    const rules = () =>
      nft('node1', '--handle', '--stateless', 'list', 'ruleset')
        .split('\n')
        .filter((line) => !/^table|expires/.test(line))
    const [first] = await agents()
    const itemsOf = (status: AgentStatus | undefined) =>
      status?.parts.filter(({ part }) => /^(proxy\/nftables|fabric)/.test(part)).map(({ part, items }) => [part, items])
    const rulesBefore = rules()
    process.kill(first?.pid ?? 0, 'SIGKILL')
    await eventually(async () => {
      const [again] = await agents()
      expect(again?.pid).not.toBe(first?.pid)
      expect(again?.ready).toBe(true)
      expect(again?.parts.map(({ transactions, drift }) => ({ transactions, drift }))).toEqual(
        first?.parts.map(() => ({ transactions: 0, drift: 0 })),
      )
      expect(itemsOf(again)).toEqual(itemsOf(first))
    })
    expect(rules()).toEqual(rulesBefore)
  })

  it('no connection fails while agents are killed and stopped', async () => {
    const { nodes, client } = readLabState(name)
    const outside = NetworkNamespace.open(`/run/netns/${client.netns}`)
    const outcomes = new Map<string, number>()
    const stop = new AbortController()
    const one = () =>
      new Promise<string>((resolve) => {
        const socket = connectTcp(outside, { address: nodes[0]?.addresses[0] ?? '', port: 30080 })
        const silent = afterSilence(10_000, () => resolve('timeout'))
        socket.on('error', (error) => resolve(error.message))
        socket.on('connect', () => socket.end('GET / HTTP/1.0\r\n\r\n'))
        socket.on('data', () => {})
        socket.on('close', () => {
          silent()
          resolve('ok')
        })
      })
    const load = (async () => {
      while (!stop.signal.aborted) {
        const outcome = await one()
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    })()
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const pids = (await agents()).map(({ pid }) => pid)
      for (const pid of pids) process.kill(pid, signal)
      await eventually(async () => {
        const now = await agents()
        expect(now.every(({ ready, pid }) => ready && !pids.includes(pid))).toBe(true)
      })
    }
    await eventually(() => expect(outcomes.get('ok')).toBeGreaterThan(50))
    stop.abort()
    await load
    outside.close()
    expect([...outcomes.keys()]).toEqual(['ok'])
  })

  it('shows refusals, and a dry run that has nothing to do', async () => {
    await kubectl('expose', 'deployment', 'cart', '--name=public', '--port=81', '--external-ip=172.30.0.1')
    await eventually(async () => {
      const { code, stdout } = await call('status', '--name', name)
      expect(code).toBe(0)
      expect(stdout).toMatch(/shop\/public\S* +AddressIsGateway/)
    })
    const { nodes, kubeconfig } = readLabState(name)
    const enter = ['--net=/run/netns/' + nodes[0]?.netns, '--', process.execPath, weft, 'agent', '--dry-run']
    const args = ['--kubeconfig', join(kubeconfig, '../node.kubeconfig'), '--node-name', 'node1']
    const dry = await run('nsenter', [...enter, ...args])
    expect(dry).toMatchObject({ code: 0 })
    expect(dry.stderr).toContain('the kernel is what the API says')
    expect(dry.stdout.trim().split('\n')).toHaveLength(1)
  })

  it('gives a second agent in the same namespace one clear error', async () => {
    const { nodes, kubeconfig } = readLabState(name)
    const enter = [
      '--net=/run/netns/' + nodes[0]?.netns,
      '--',
      process.execPath,
      weft,
      'agent',
      '--run-dir',
      '/var/empty',
    ]
    const args = ['--kubeconfig', join(kubeconfig, '../node.kubeconfig'), '--node-name', 'node1']
    const second = await run('nsenter', [...enter, ...args], { timeoutMs: 110_000 })
    expect(second.code).toBe(2)
    expect(second.stderr).toMatch(/another agent already writes to the kernel of this network namespace \(process \d+/)
  })

  it("leaves the API on loopback of the host, and nothing of the lab's in the host's network", async () => {
    expect(hostNetwork()).toEqual(before)
    const server = new URL(
      (await kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')).trim(),
    )
    expect(server.hostname).toBe('127.0.0.1')
    const socket = connect(Number(server.port), '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.destroy()
  })
})
