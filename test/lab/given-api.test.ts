import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import { connectTcp } from '../../src/kernel/sockets.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { Node, Pod } from '../../src/kube/types.ts'
import { parseEchoReply } from '../../src/lab/echo-protocol.ts'
import { readLabState } from '../../src/lab/state.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

/** A pod that only the node named may run. */
const podOn = (nodeName: string, name = 'guest') =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': nodeName },
      containers: [{ name: 'echo', image: 'echo', ports: [{ containerPort: 8080 }] }],
    },
  })

describe.skipIf(!isRoot || !isBuilt)('a lab with --kubeconfig (needs root and a build)', () => {
  /** Its API server, with its controllers, stands for a real one. */
  const host = `r${process.pid}`
  const guest = `g${process.pid}`
  const lab = (command: string, name: string, args: string[] = [], input?: string) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], {
      timeoutMs: 110_000,
      ...(input !== undefined && { input }),
    })
  const up = (args: string[], input?: string) =>
    lab('up', guest, ['--nodes', '1', '--timeout', '100', '--detach', ...args], input)
  const guestArgs = ['--node-prefix', 'guest-', '--underlay-cidr', '172.31.0.0/24', '-f', '-']
  let kubeconfig = ''
  let api: ApiClient | undefined

  beforeAll(async () => {
    const args = ['--nodes', '1', '--timeout', '100', '--detach', '-f', '-']
    expect(await lab('up', host, args, podOn('node1', 'own'))).toMatchObject({ code: 0 })
    kubeconfig = readLabState(host).kubeconfig
    api = new ApiClient(await loadKubeconfig(kubeconfig))
  })
  afterAll(async () => {
    api?.close()
    await lab('down', guest)
    await lab('down', host)
  })

  const nodes = async () =>
    (await (api as ApiClient).list<Node>(resourcePath({ version: 'v1', resource: 'nodes' }))).items
  const nodeNames = async () => (await nodes()).map(({ metadata }) => metadata.name).sort()

  it('refuses names that are taken, and another service range, and leaves nothing', async () => {
    const taken = await up(['--kubeconfig', kubeconfig, '-f', '-'], podOn('node1'))
    expect(taken.code).toBe(1)
    expect(taken.stderr).toMatch(/has a Node named "node1" already.*\n(.*\n)*remedy: .*--node-prefix/)
    const range = await up(
      ['--kubeconfig', kubeconfig, '--service-cidr', '10.99.0.0/16', ...guestArgs],
      podOn('guest-1'),
    )
    expect(range.code).toBe(2)
    expect(range.stderr).toMatch(/not in 10\.99\.0\.0\/16: default\/kubernetes has 10\.43\.0\.1 \(--service-cidr\)/)
    expect(await nodeNames()).toEqual(['node1'])
    expect((await lab('status', guest)).code).toBe(4)
  })

  it('brings nodes alone, which run what that API says', async () => {
    const started = await up(['--kubeconfig', kubeconfig, ...guestArgs], podOn('guest-1'))
    expect(started).toMatchObject({ code: 0 })
    expect(await nodeNames()).toEqual(['guest-1', 'node1'])
    const { nodes: own, client, clusterCIDRs } = readLabState(guest)
    expect(own.map(({ name }) => name)).toEqual(['guest-1'])
    expect((await nodes()).find(({ metadata }) => metadata.name === 'guest-1')?.spec?.podCIDRs).toEqual(
      own[0]?.podCIDRs,
    )
    expect(clusterCIDRs).toEqual(['10.42.0.0/16'])
    const path = resourcePath({ version: 'v1', resource: 'pods', namespace: 'default', name: 'guest' })
    const { status } = await (api as ApiClient).get<Pod>(path)
    const outside = NetworkNamespace.named(client.netns)
    try {
      const createConnection = () => connectTcp(outside, { address: status?.podIP ?? '', port: 8080 })
      const [response] = await once(get({ host: status?.podIP, port: 8080, createConnection }), 'response')
      let text = ''
      for await (const chunk of response) text += String(chunk)
      expect(parseEchoReply(text)).toMatchObject({ pod: 'guest', node: 'guest-1' })
    } finally {
      outside.close()
    }
  })

  it('goes on when the forwarder is killed', async () => {
    const report = async () => JSON.parse((await lab('status', guest, ['-o', 'json'])).stdout)
    const { pid } = (await report()).api
    process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      const { state, api } = await report()
      expect(state).toBe('ready')
      expect(api.restarts).toBe(1)
    })
  })

  it('takes its Nodes away with it, and leaves the others', async () => {
    const down = await lab('down', guest)
    expect(down).toMatchObject({ code: 0 })
    expect(down.stdout + down.stderr).toContain('removed from the API: Node guest-1')
    expect(await nodeNames()).toEqual(['node1'])
    expect((await lab('status', host)).code).toBe(0)
  })
})
