import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cgroupRoot, listPids } from '../../src/kernel/cgroup.ts'
import { runIn } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import { parseEchoReply } from '../../src/lab/echo-protocol.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { labDir, readLabState } from '../../src/lab/state.ts'
import type { LabReport } from '../../src/lab/status.ts'
import { labNamespaces } from '../../src/lab/topology/remove.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

/**
 * Asks every URL in turn over a new connection, and beside that one over a connection that is kept, until its standard input ends, and says so each time; at the end it says what
 * failed. A program of its own, as it runs in another network namespace.
 */
const traffic = `
  const http = require('node:http')
  const urls = process.argv.slice(1)
  const kept = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const failures = []
  let stop = false
  let sockets = new Set()
  process.stdin.on('end', () => (stop = true)).resume()
  const ask = (url, agent) => new Promise((resolve) => {
    const request = http.get(url, { agent, timeout: 10_000 }, (answer) => {
      if (agent === kept) sockets.add(request.socket.localPort)
      answer.resume().on('end', () => resolve())
    })
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')))
    request.on('error', (error) => { failures.push(url + ' ' + error.message); resolve() })
  })
  ;(async () => {
    // Without a pause: a server closes what is silent for some seconds.
    const steady = (async () => { while (!stop) await ask(urls[0], kept) })()
    while (!stop) {
      for (const url of urls) await ask(url, false)
      console.log('flowing')
    }
    await steady
    if (sockets.size !== 1) failures.push('the connection that is kept was made ' + sockets.size + ' times')
    console.log(JSON.stringify({ failures }))
    process.exit()
  })()`

describe.skipIf(!isRoot || !isBuilt)('weft lab (needs root and a build: npm run build)', () => {
  const name = `e${process.pid}`
  const lab = (command: string, ...args: string[]) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], { timeoutMs: 110_000 })
  const up = () => lab('up', '--nodes', '2', '-f', join(root, 'examples'), '--detach')
  const kubectl = async (...args: string[]): Promise<string> => {
    const { kubeconfig } = readLabState(name)
    return (await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, '-n', 'shop', ...args])).stdout
  }
  const status = async () => JSON.parse((await lab('status', '-o', 'json')).stdout) as LabReport
  /** An agent that is busy may be late with its answer. */
  const ready = () =>
    eventually(async () => {
      const report = await status()
      expect(report).toMatchObject({ name, state: 'ready' })
      return report
    })
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

  let said = ''
  beforeAll(async () => {
    const started = await up()
    expect(started).toMatchObject({ code: 0 })
    said = started.stderr
  })
  afterAll(async () => {
    await lab('down')
  })

  it('prints what to try next, and all of it works', async () => {
    const [, next = ''] = said.split('Next:\n')
    const commands = next.split('\n').filter((line) => line.startsWith('  '))
    expect(commands).toHaveLength(8)
    const script = commands.filter((line) => !line.includes(' lab down')).join('\n')
    const { code, stdout, stderr } = await run('bash', ['-ec', script], { timeoutMs: 110_000 })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    for (const part of ['service/storefront', '"node":"node', '127.0.0.1/8', 'map services'])
      expect(stdout).toContain(part)
  })

  it('is ready, with every pod running on its node', async () => {
    const report = await ready()
    expect(report.nodes.map((node) => [node.name, node.ready, node.agent.ready])).toEqual([
      ['node1', true, true],
      ['node2', true, true],
    ])
    const all = await pods()
    expect(all).toHaveLength(12)
    for (const pod of all) {
      const podCIDR = report.nodes.find((node) => node.name === pod.spec.nodeName)?.podCIDRs[0] ?? 'none'
      expect(pod.status.podIP.startsWith(podCIDR.replace(/0\/24$/, ''))).toBe(true)
    }
  })

  it('has pods that answer, on declared ports and on those of new Services', async () => {
    const pod = (await pods()).find(({ metadata }) => metadata.labels['app'] === 'cart')
    const { podIP } = pod?.status ?? { podIP: '' }
    expect(await askPod(podIP, 7070)).toMatchObject({ pod: pod?.metadata.name, namespace: 'shop', podIP })
    await kubectl('expose', 'deployment', 'cart', '--name=extra', '--port=9', '--target-port=4711')
    await eventually(async () => expect(await askPod(podIP, 4711)).toMatchObject({ localPort: 4711 }))
    await kubectl('delete', 'service', 'extra')
    await eventually(async () => expect(await askPod(podIP, 4711)).toBeUndefined())
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
    await eventually(async () => expect((await status()).nodes[0]?.kubelet).toMatchObject({ restarts: 1 }))
    await eventually(async () => {
      expect(await askPod(pod?.status.podIP ?? '', port)).toMatchObject({ pod: pod?.metadata.name })
    })
  })

  it('starts a killed agent again', async () => {
    process.kill((await status()).nodes[1]?.agent.pid ?? 0, 'SIGKILL')
    const healed = { agent: { restarts: 1, ready: true } }
    await eventually(async () => expect((await status()).nodes[1]).toMatchObject(healed))
  })

  it('loses nothing of what flows while every agent is killed and started again', async () => {
    const { nodes } = readLabState(name)
    const clusterIP = await kubectl('get', 'service', 'storefront', '-o', 'jsonpath={.spec.clusterIP}')
    const urls = [`http://${clusterIP}/`, ...nodes.map(({ addresses }) => `http://${addresses[0]}:30080/`)]
    const client = runIn(`weft-${name}-client`, () =>
      spawn(process.execPath, ['-e', traffic, ...urls], { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    let said = ''
    client.stdout.on('data', (data) => (said += String(data)))
    const ended = new Promise((resolve) => client.once('close', resolve))
    await eventually(() => expect(said).toContain('flowing'))
    const before = await status()
    for (const { agent } of before.nodes) process.kill(agent.pid ?? 0, 'SIGKILL')
    await eventually(async () => {
      const after = await status()
      const restarts = after.nodes.map(({ agent }, i) => agent.restarts - (before.nodes[i]?.agent.restarts ?? 0))
      expect({ restarts, ready: after.nodes.map(({ agent }) => agent.ready) }).toEqual({
        restarts: nodes.map(() => 1),
        ready: nodes.map(() => true),
      })
    })
    await eventually(() => expect(said.split('\n').length).toBeGreaterThan(15))
    client.stdin.end()
    await ended
    expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual({ failures: [] })
  })

  it('has agents for which being told to stop is a proper end', async () => {
    const { pid, restarts } = (await status()).nodes[0]?.agent ?? { restarts: 0 }
    process.kill(pid ?? 0, 'SIGTERM')
    const stopped = { lastExit: 'exit code 0', restarts: restarts + 1 }
    const agent = () => (readJson(labFiles(name).processes) as LabProcesses).nodes['node1']?.agent
    await eventually(() => expect(agent()).toMatchObject(stopped))
    await eventually(async () => expect((await status()).nodes[0]?.agent.ready).toBe(true))
  })

  it('tells what an object asks for and does not get in an Event on it, once for all nodes', async () => {
    const { nodes } = readLabState(name)
    // The ssh port of a node, which no Service ever gets.
    await kubectl('create', 'service', 'clusterip', 'greedy', '--tcp=22')
    const spec = { externalIPs: [nodes[0]?.addresses[0]] }
    await kubectl('patch', 'service', 'greedy', '-p', JSON.stringify({ spec }))
    const uid = await kubectl('get', 'service', 'greedy', '-o', 'jsonpath={.metadata.uid}')
    await eventually(async () => {
      const about = ['--field-selector', `involvedObject.uid=${uid}`, '-o', 'json']
      const { items } = JSON.parse(await kubectl('get', 'events', ...about)) as {
        items: unknown[]
      }
      expect(items).toMatchObject([{ type: 'Warning', reason: 'AddressIsManagementPort', count: 1 }])
    })
    await kubectl('delete', 'service', 'greedy')
  })

  it('says which agent does not answer, and still tells of the others', async () => {
    const { pid } = (await status()).nodes[0]?.agent ?? {}
    process.kill(pid ?? 0, 'SIGSTOP')
    try {
      await eventually(async () => {
        const agents = await run(process.execPath, [weft, 'status', '--name', name], { timeoutMs: 110_000 })
        expect(agents.code).toBe(3)
        expect(agents.stdout).toMatch(/^node2 +proxy\/nftables-ipv4 +yes/m)
        expect(agents.stderr).toMatch(/the agent on node1 is there and does not answer/)
      })
      expect((await lab('status', '-o', 'json')).code).toBe(3)
      expect((await status()).state).toBe('degraded')
    } finally {
      process.kill(pid ?? 0, 'SIGCONT')
    }
    await ready()
  })

  it('takes down a deleted pod with its namespace, and its address comes free', async () => {
    const pod = (await pods()).find(({ metadata }) => metadata.labels['app'] === 'orders')
    const uid = (await kubectl('get', 'pod', pod?.metadata.name ?? '', '-o', 'jsonpath={.metadata.uid}')).trim()
    const node = readLabState(name).nodes.find((candidate) => candidate.name === pod?.spec.nodeName)
    const namespaces = `/proc/${node?.holderPid}/root/run/netns`
    expect(readdirSync(namespaces)).toContain(`cni-${uid}`)
    await kubectl('delete', 'pod', pod?.metadata.name ?? '')
    expect(readdirSync(namespaces)).not.toContain(`cni-${uid}`)
    await eventually(async () => {
      const fresh = (await pods()).filter(({ metadata }) => metadata.labels['app'] === 'orders')
      expect(fresh.map(({ status }) => status.phase)).toEqual(['Running'])
    })
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
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=90s')
    await eventually(async () => {
      const uidsOf = await uidsByNode()
      for (const { name: node, holderPid } of readLabState(name).nodes) {
        const place = `/proc/${holderPid}/root`
        const wanted = uidsOf(node).sort()
        expect(readdirSync(join(place, 'run/netns')).sort()).toEqual(wanted.map((uid) => `cni-${uid}`))
        const addresses = readdirSync(join(place, 'var/lib/cni/networks/weft')).filter((file) => /^\d/.test(file))
        expect(addresses).toHaveLength(wanted.length)
      }
    })
  })

  it('has an API that comes back on another port where its own was taken meanwhile', async () => {
    const portOf = () => Number(/127\.0\.0\.1:(\d+)/.exec(readFileSync(readLabState(name).kubeconfig, 'utf8'))?.[1])
    const port = portOf()
    const { pid } = (await status()).api
    const { supervisorPid } = readLabState(name)
    const squatter = createServer()
    // It would start the API again before the port is taken.
    process.kill(supervisorPid, 'SIGSTOP')
    try {
      process.kill(pid ?? 0, 'SIGKILL')
      await eventually(
        () =>
          new Promise<void>((resolve, reject) => {
            squatter.once('error', reject).listen(port, '127.0.0.1', () => resolve())
          }),
      )
    } finally {
      process.kill(supervisorPid, 'SIGCONT')
    }
    try {
      await eventually(() => expect(portOf()).not.toBe(port))
      expect(await kubectl('get', 'services')).toContain('storefront')
    } finally {
      squatter.close()
    }
  })

  it('refuses a second lab of that name', async () => {
    const second = await up()
    expect(second.code).toBe(2)
    expect(second.stderr).toContain(`a lab named "${name}" is running`)
  })

  it('leaves nothing, also when everything was killed', async () => {
    // The supervisor first: it would begin to make nodes again.
    const pids = [readLabState(name).supervisorPid, ...listPids(`weft-${name}`)]
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended with another one.
      }
    }
    await eventually(() => expect(listPids(`weft-${name}`)).toEqual([]))
    expect((await status()).state).toBe('dead')
    expect(await up()).toMatchObject({ code: 0 })
    await ready()
    expect(await lab('down')).toMatchObject({ code: 0 })
    expect(leftovers()).toEqual(nothing)
    expect(await lab('down')).toMatchObject({ code: 0 })
    expect((await lab('status')).code).toBe(4)
  })
})
