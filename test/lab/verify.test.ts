import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AgentStatus } from '../../src/agent/status-server.ts'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { generation } from '../../src/kernel/nftables/ruleset.ts'
import { run } from '../../src/kernel/process.ts'
import { connectTcp } from '../../src/kernel/sockets.ts'
import { readLabState } from '../../src/lab/state.ts'
import type { Report } from '../../src/lab/verify/index.ts'

const root = join(import.meta.dirname, '../..')
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

describe.skipIf(!isRoot || !isBuilt)('Services in a lab (needs root and a build: npm run build)', () => {
  const name = `v${process.pid}`
  const call = (...args: string[]) => run(process.execPath, [weft, ...args], { timeoutMs: 120_000 })
  const lab = (command: string, ...args: string[]) => call('lab', command, '--name', name, ...args)
  const kubectl = async (...args: string[]): Promise<string> => {
    const { kubeconfig } = readLabState(name)
    return (await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, '-n', 'shop', ...args])).stdout
  }
  /** What the agents of all three nodes say; a node that does not answer fails the call. */
  const agents = async (): Promise<AgentStatus[]> => {
    const { items } = JSON.parse((await call('status', '--name', name, '-o', 'json')).stdout)
    expect(items).toHaveLength(3)
    return items
  }
  const nft = (node: string, ...args: string[]) =>
    execFileSync('ip', ['netns', 'exec', `weft-${name}-${node}`, 'nft', ...args], { encoding: 'utf8' })
  const hostNetwork = () =>
    [['link'], ['address'], ['route'], ['rule']].map((what) =>
      execFileSync('ip', ['-o', ...what], { encoding: 'utf8' }),
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
    expect([...tried].sort()).toEqual(
      [
        'API by ClusterIP',
        'ClusterIP from node',
        'ClusterIP from outside',
        'ClusterIP from pod',
        'NodePort from node',
        'NodePort from outside',
        'NodePort from pod',
        'pod → pod',
        'unserved port',
      ].sort(),
    )
    expect(report.counts.ok).toBeGreaterThan(100)
  })

  it('verify again after scaling, after a pod went, after a Service went, without endpoints', async () => {
    await kubectl('scale', 'deployment', 'storefront', '--replicas=5')
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=30s')
    await expectVerified()
    await kubectl('delete', 'pod', '-l', 'app=storefront')
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=30s')
    await expectVerified()
    await kubectl('scale', 'deployment', 'catalog', '--replicas=0')
    await kubectl('wait', 'pod', '-l', 'app=catalog', '--for=delete', '--timeout=30s')
    const report = await expectVerified()
    expect(report.rows.some(({ should }) => should.includes('refused (no ready endpoint)'))).toBe(true)
    await kubectl('delete', 'service', 'orders')
    await expectVerified()
  })

  const held = async <T>(work: () => Promise<T>): Promise<T> => {
    const pids = (await agents()).map(({ pid }) => pid)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      return await work()
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
  }

  /** Text of the first element of a map on a node that matches, as nft takes it. */
  const element = (node: string, map: string, pattern: RegExp): string => {
    const found = nft(node, 'list', 'map', 'ip', 'weft', map).match(pattern)?.[1]
    expect(found).toBeDefined()
    return `{ ${found} }`
  }

  it.each<[string, () => void, RegExp]>([
    [
      'a Service is missing on one node',
      () =>
        void nft(
          'node2',
          'delete',
          'element',
          'ip',
          'weft',
          'services',
          element('node2', 'services', /([\d.]+ \. tcp \. 7070)/),
        ),
      /shop\/cart/,
    ],
    [
      'one endpoint gets nothing',
      () =>
        void nft(
          'node1',
          'delete',
          'element',
          'ip',
          'weft',
          'endpoints',
          element('node1', 'endpoints', /((?:0x)?[\da-f:]+ \. 1) /),
        ),
      /shop\//,
    ],
    ['sources are not masqueraded', () => void nft('node3', 'flush', 'chain', 'ip', 'weft', 'postrouting'), /shop\//],
    ['everything is gone', () => void nft('node1', 'flush', 'ruleset'), /default\/kubernetes/],
  ])(
    'verify fails when %s, and holds again once the agents have repaired it',
    async (_name, hurt, what) => {
      const { code, report } = await held(async () => {
        hurt()
        return verify()
      })
      expect(code).toBe(1)
      const mismatches = report.rows.filter(({ result }) => result === 'MISMATCH')
      expect(mismatches.length).toBeGreaterThan(0)
      expect(mismatches.some((row) => what.test(row.what))).toBe(true)
      await vi.waitFor(async () => {
        for (const { ready, parts } of await agents())
          expect({ ready, failing: parts.flatMap(({ failing }) => failing) }).toEqual({ ready: true, failing: [] })
        expect((await agents()).some(({ parts }) => parts.some(({ drift }) => drift > 0))).toBe(true)
      }, 10_000)
      await expectVerified()
      // Drift is counted since the start: begin anew for the next case.
      for (const { pid } of await agents()) process.kill(pid, 'SIGTERM')
      await vi.waitFor(async () => {
        for (const { ready, parts } of await agents())
          expect([ready, ...parts.map(({ drift }) => drift)]).toEqual([true, 0, 0])
      }, 10_000)
    },
    120_000,
  )

  it('a route to the pods of another node that somebody removes is back within moments, and counted', async () => {
    const ip = (...args: string[]) => execFileSync('ip', ['-n', `weft-${name}-node1`, ...args], { encoding: 'utf8' })
    const route = ip('route', 'show', '10.42.1.0/24')
    expect(route).toMatch(/via 172\.30\.0\.12 dev eth0 proto 87/)
    ip('route', 'del', '10.42.1.0/24')
    await vi.waitFor(() => expect(ip('route', 'show', '10.42.1.0/24')).toBe(route), 5_000)
    const fabric = (await agents())[0]?.parts.find(({ part }) => part === 'fabric/host-gw')
    expect(fabric).toMatchObject({ synced: true, drift: 1 })
  })

  it('an agent that is killed and starts again adopts what is there and writes nothing', async () => {
    const node = NetworkNamespace.named(`weft-${name}-node1`)
    try {
      await vi.waitFor(async () => expect((await agents()).every(({ ready }) => ready)).toBe(true), 10_000)
      const [first] = await agents()
      const generationBefore = generation(node)
      process.kill(first?.pid ?? 0, 'SIGKILL')
      await vi.waitFor(async () => {
        const [again] = await agents()
        expect(again?.pid).not.toBe(first?.pid)
        const untouched = { transactions: 0, drift: 0 }
        expect(again).toMatchObject({ ready: true, parts: [untouched, untouched] })
        expect(again?.parts.map(({ items }) => items)).toEqual(first?.parts.map(({ items }) => items))
      }, 10_000)
      expect(generation(node)).toBe(generationBefore)
    } finally {
      node.close()
    }
  })

  it('no connection fails while agents are killed and stopped', async () => {
    const { nodes, client } = readLabState(name)
    const outside = NetworkNamespace.open(`/run/netns/${client.netns}`)
    const outcomes = new Map<string, number>()
    const stop = new AbortController()
    const one = () =>
      new Promise<string>((resolve) => {
        const socket = connectTcp(outside, { address: nodes[0]?.address ?? '', port: 30080 })
        socket.setTimeout(3000, () => resolve('timeout'))
        socket.on('error', (error) => resolve(error.message))
        socket.on('connect', () => socket.end('GET / HTTP/1.0\r\n\r\n'))
        socket.on('data', () => {})
        socket.on('close', () => resolve('ok'))
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
      await vi.waitFor(async () => {
        const now = await agents()
        expect(now.every(({ ready, pid }) => ready && !pids.includes(pid))).toBe(true)
      }, 15_000)
    }
    stop.abort()
    await load
    outside.close()
    expect([...outcomes.keys()]).toEqual(['ok'])
    expect(outcomes.get('ok')).toBeGreaterThan(50)
  }, 60_000)

  it('shows refusals, and a dry run that has nothing to do', async () => {
    await kubectl('expose', 'deployment', 'cart', '--name=public', '--port=81', '--external-ip=203.0.113.9')
    await vi.waitFor(async () => {
      const { code, stdout } = await call('status', '--name', name)
      expect(code).toBe(0)
      expect(stdout).toMatch(
        /shop\/public +ExternalIPNotTranslated +all +external IP 203\.0\.113\.9:81\/TCP is not translated/,
      )
    }, 5_000)
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
    const second = await run('nsenter', [...enter, ...args], { timeoutMs: 40_000 })
    expect(second.code).toBe(2)
    expect(second.stderr).toMatch(/another agent already writes to the kernel of this network namespace \(process \d+/)
  }, 60_000)

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
