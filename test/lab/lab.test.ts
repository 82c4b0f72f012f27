import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { cgroupRoot, listPids } from '../../src/kernel/cgroup.ts'
import { run } from '../../src/kernel/process.ts'
import { parseEchoReply } from '../../src/lab/echo-protocol.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { labDir, readLabState } from '../../src/lab/state.ts'
import type { LabReport } from '../../src/lab/status.ts'
import { labNamespaces } from '../../src/lab/topology/remove.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

describe.skipIf(!isRoot || !isBuilt)('weft lab (needs root and a build: npm run build)', () => {
  const name = `e${process.pid}`
  const lab = (command: string, ...args: string[]) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], { timeoutMs: 60_000 })
  const up = () => lab('up', '--nodes', '2', '-f', join(root, 'examples/shop.yaml'), '--detach')
  const kubectl = async (...args: string[]): Promise<string> => {
    const { kubeconfig } = readLabState(name)
    return (await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, '-n', 'shop', ...args])).stdout
  }
  const status = async () => JSON.parse((await lab('status', '-o', 'json')).stdout) as LabReport
  const pods = async () =>
    JSON.parse(await kubectl('get', 'pods', '-o', 'json')).items as {
      metadata: { name: string; labels: Record<string, string> }
      spec: { nodeName: string }
      status: { podIP: string; phase: string }
    }[]

  /** Asks a pod over HTTP from the client outside of the cluster; no Service is involved. */
  async function askPod(address: string, port: number) {
    const url = `http://${address}:${port}/`
    const script = `fetch(${JSON.stringify(url)}).then((r) => r.text()).then((t) => process.stdout.write(t))`
    const { stdout } = await run(process.execPath, ['-e', script], { netns: `weft-${name}-client` })
    return parseEchoReply(stdout)
  }

  const leftovers = () => ({
    namespaces: labNamespaces(name),
    folder: existsSync(labDir(name)),
    cgroup: existsSync(join(cgroupRoot(), `weft-${name}`)),
  })
  const nothing = { namespaces: [], folder: false, cgroup: false }

  beforeAll(async () => {
    expect(await up()).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await lab('down')
  })

  it('is ready, with every pod running on its node', async () => {
    const report = await status()
    expect(report).toMatchObject({ name, state: 'ready' })
    expect(report.nodes.map((node) => [node.name, node.ready, node.agent.ready])).toEqual([
      ['node1', true, true],
      ['node2', true, true],
    ])
    const all = await pods()
    expect(all).toHaveLength(12)
    for (const pod of all) {
      const { podCIDR } = report.nodes.find((node) => node.name === pod.spec.nodeName) ?? { podCIDR: 'none' }
      expect(pod.status.podIP.startsWith(podCIDR.replace(/0\/24$/, ''))).toBe(true)
    }
  })

  it('has pods that answer, on declared ports and on those of new Services', async () => {
    const pod = (await pods()).find(({ metadata }) => metadata.labels['app'] === 'cart')
    const { podIP } = pod?.status ?? { podIP: '' }
    expect(await askPod(podIP, 7070)).toMatchObject({ pod: pod?.metadata.name, namespace: 'shop', podIP })
    await kubectl('expose', 'deployment', 'cart', '--name=extra', '--port=9', '--target-port=4711')
    await vi.waitFor(async () => expect(await askPod(podIP, 4711)).toMatchObject({ localPort: 4711 }), 5_000)
    await kubectl('delete', 'service', 'extra')
    await vi.waitFor(async () => expect(await askPod(podIP, 4711)).toBeUndefined(), 5_000)
  })

  it('runs commands in pods', async () => {
    const pod = (await pods())[0]
    const address = await lab('exec', `shop/${pod?.metadata.name}`, '--', 'ip', '-br', '-4', 'address', 'show', 'eth0')
    expect(address.stdout).toContain(pod?.status.podIP)
    expect(await lab('exec', `shop/${pod?.metadata.name}`, '--', 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 })
    const missing = await lab('exec', 'shop/cart-0', '--', 'true')
    expect(missing.code).toBe(4)
    expect(missing.stderr).toMatch(/there is no pod shop\/cart-0.*\n(.*\n)*remedy: there is: shop\/cart-/)
  })

  it('starts a killed kubelet again, which takes over the pods as they are', async () => {
    const before = await status()
    const node = before.nodes[0]
    const pod = (await pods()).find(({ spec, metadata }) => {
      return spec.nodeName === node?.name && ['cart', 'storefront'].includes(metadata.labels['app'] ?? '')
    })
    const port = pod?.metadata.labels['app'] === 'cart' ? 7070 : 8080
    process.kill(node?.kubelet.pid ?? 0, 'SIGKILL')
    await vi.waitFor(async () => expect((await status()).nodes[0]?.kubelet).toMatchObject({ restarts: 1 }), 5_000)
    await vi.waitFor(async () => {
      expect(await askPod(pod?.status.podIP ?? '', port)).toMatchObject({ pod: pod?.metadata.name })
    }, 5_000)
  })

  it('starts a killed agent again', async () => {
    process.kill((await status()).nodes[1]?.agent.pid ?? 0, 'SIGKILL')
    const healed = { agent: { restarts: 1, ready: true } }
    await vi.waitFor(async () => expect((await status()).nodes[1]).toMatchObject(healed), 10_000)
  })

  it('has agents for which being told to stop is a proper end', async () => {
    process.kill((await status()).nodes[0]?.agent.pid ?? 0, 'SIGTERM')
    const stopped = { lastExit: 'exit code 0', restarts: 1 }
    const agent = () => (readJson(labFiles(name).processes) as LabProcesses).nodes['node1']?.agent
    await vi.waitFor(() => expect(agent()).toMatchObject(stopped), 10_000)
    await vi.waitFor(async () => expect((await status()).nodes[0]?.agent.ready).toBe(true), 10_000)
  })

  it('tells what an object asks for and does not get in an Event on it, once a node', async () => {
    const { nodes } = readLabState(name)
    // The ssh port of a node, which no Service ever gets.
    await kubectl('create', 'service', 'clusterip', 'greedy', '--tcp=22')
    const spec = { externalIPs: [nodes[0]?.address] }
    await kubectl('patch', 'service', 'greedy', '-p', JSON.stringify({ spec }))
    const uid = await kubectl('get', 'service', 'greedy', '-o', 'jsonpath={.metadata.uid}')
    await vi.waitFor(async () => {
      const about = ['--field-selector', `involvedObject.uid=${uid}`, '-o', 'json']
      const { items } = JSON.parse(await kubectl('get', 'events', ...about)) as {
        items: { reportingInstance: string }[]
      }
      const told = items.toSorted((a, b) => a.reportingInstance.localeCompare(b.reportingInstance))
      const expected = nodes.map((node) => ({ reportingInstance: node.name, type: 'Warning', count: 1 }))
      expect(told).toMatchObject(expected)
    }, 20_000)
    await kubectl('delete', 'service', 'greedy')
  })

  it('says which agent does not answer, and still tells of the others', async () => {
    const { pid } = (await status()).nodes[0]?.agent ?? {}
    process.kill(pid ?? 0, 'SIGSTOP')
    try {
      const agents = await run(process.execPath, [weft, 'status', '--name', name], { timeoutMs: 30_000 })
      expect(agents.code).toBe(3)
      expect(agents.stdout).toMatch(/^node2 +proxy\/nftables +yes/m)
      expect(agents.stderr).toContain('node1: no agent answers')
      expect((await lab('status', '-o', 'json')).code).toBe(3)
      expect((await status()).state).toBe('degraded')
    } finally {
      process.kill(pid ?? 0, 'SIGCONT')
    }
    await vi.waitFor(async () => expect((await status()).state).toBe('ready'), 10_000)
  }, 60_000)

  it('takes down a deleted pod with its namespace, and its address comes free', async () => {
    const pod = (await pods()).find(({ metadata }) => metadata.labels['app'] === 'orders')
    const uid = (await kubectl('get', 'pod', pod?.metadata.name ?? '', '-o', 'jsonpath={.metadata.uid}')).trim()
    const node = readLabState(name).nodes.find((candidate) => candidate.name === pod?.spec.nodeName)
    const namespaces = `/proc/${node?.holderPid}/root/run/netns`
    expect(readdirSync(namespaces)).toContain(`cni-${uid}`)
    await kubectl('delete', 'pod', pod?.metadata.name ?? '')
    expect(readdirSync(namespaces)).not.toContain(`cni-${uid}`)
    await vi.waitFor(async () => {
      const fresh = (await pods()).filter(({ metadata }) => metadata.labels['app'] === 'orders')
      expect(fresh.map(({ status }) => status.phase)).toEqual(['Running'])
    }, 10_000)
  })

  it('keeps no namespace and no address of pods that went while the kubelet was away', async () => {
    const uidsByNode = async () => {
      const items = JSON.parse(await kubectl('get', 'pods', '-A', '-o', 'json')).items as {
        metadata: { uid: string }
        spec: { nodeName: string }
      }[]
      return (node: string) => items.filter(({ spec }) => spec.nodeName === node).map(({ metadata }) => metadata.uid)
    }
    for (const node of (await status()).nodes) process.kill(node.kubelet.pid ?? 0, 'SIGKILL')
    await kubectl('delete', 'pods', '--all', '--force', '--grace-period=0')
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=20s')
    await vi.waitFor(async () => {
      const uidsOf = await uidsByNode()
      for (const { name: node, holderPid } of readLabState(name).nodes) {
        const run = `/proc/${holderPid}/root/run`
        const wanted = uidsOf(node).sort()
        expect(readdirSync(join(run, 'netns')).sort()).toEqual(wanted.map((uid) => `cni-${uid}`))
        const addresses = readdirSync(join(run, 'cni/networks/weft')).filter((file) => /^\d/.test(file))
        expect(addresses).toHaveLength(wanted.length)
      }
    }, 20_000)
  })

  it('refuses a second lab of that name', async () => {
    const second = await up()
    expect(second.code).toBe(2)
    expect(second.stderr).toContain(`a lab named "${name}" is running`)
  })

  it('leaves nothing, also when everything was killed', async () => {
    const pids = listPids(`weft-${name}`)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(listPids(`weft-${name}`)).toEqual([]))
    expect((await status()).state).toBe('dead')
    expect(await up()).toMatchObject({ code: 0 })
    expect((await status()).state).toBe('ready')
    expect(await lab('down')).toMatchObject({ code: 0 })
    expect(leftovers()).toEqual(nothing)
    expect(await lab('down')).toMatchObject({ code: 0 })
    expect((await lab('status')).code).toBe(4)
  })
})
