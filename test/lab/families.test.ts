import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { run } from '../../src/kernel/process.ts'
import { connectTcp, listenTcp } from '../../src/kernel/sockets.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { Node, Pod } from '../../src/kube/types.ts'
import { parseEchoReply } from '../../src/lab/echo-protocol.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { type LabState, podNetnsPath, readLabState } from '../../src/lab/state.ts'
import type { LabReport } from '../../src/lab/status.ts'
import { familyOf } from '../../src/model/ip.ts'
import { eventually } from '../eventually.ts'
import { afterSilence } from '../silence.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

const stacks = [
  { flag: '--dual-stack', letter: 'd', families: ['IPv4', 'IPv6'] },
  { flag: '--ipv6', letter: 's', families: ['IPv6'] },
] as const

/** Two Ready pods a node, each with a port. */
const manifest = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'echo', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'echo' } },
    template: {
      metadata: { labels: { app: 'echo' } },
      spec: { containers: [{ name: 'echo', image: 'echo', ports: [{ containerPort: 8080 }] }] },
    },
  },
})

describe.skipIf(!isRoot || !isBuilt).each(stacks)('a lab with $flag (needs root and a build)', (stack) => {
  const name = `${stack.letter}${process.pid}`
  const lab = (command: string, args: string[] = [], input?: string) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], {
      timeoutMs: 220_000,
      ...(input !== undefined && { input }),
    })
  let state: LabState
  let api: ApiClient | undefined

  beforeAll(async () => {
    const up = await lab(
      'up',
      ['--nodes', '2', stack.flag, '--zones', 'east', '-f', '-', '--timeout', '200', '--detach'],
      manifest,
    )
    expect(up).toMatchObject({ code: 0 })
    state = readLabState(name)
    api = new ApiClient(await loadKubeconfig(state.kubeconfig))
  })
  afterAll(async () => {
    api?.close()
    await lab('down')
  })

  const list = async <T>(resource: string) => (await api!.list<T>(resourcePath({ version: 'v1', resource }))).items
  const pods = () => list<Pod>('pods')
  const nodeOf = (pod: Pod) => state.nodes.find(({ name }) => name === pod.spec.nodeName)
  const inPod = (pod: Pod): NetworkNamespace => {
    const { holderPid } = readLabState(name).nodes.find((node) => node.name === pod.spec.nodeName) ?? { holderPid: 0 }
    return NetworkNamespace.open(`/proc/${holderPid}/root${podNetnsPath(pod.metadata.uid ?? '')}`)
  }
  const addressesOf = (pod: Pod): string[] => pod.status?.podIPs?.map(({ ip }) => ip) ?? []

  async function ask(from: NetworkNamespace, address: string) {
    const createConnection = () => connectTcp(from, { address, port: 8080 })
    const request = get({ host: address, port: 8080, createConnection })
    const stop = afterSilence(5_000, () => request.destroy(new Error(`${address} does not answer`)))
    request.once('close', stop)
    const [response] = await once(request, 'response')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return parseEchoReply(text)
  }

  it('has Nodes and pods with addresses of its families, and no others', async () => {
    expect(state.families).toEqual(stack.families)
    const nodes = await list<Node>('nodes')
    expect(nodes).toHaveLength(2)
    for (const { metadata, spec, status } of nodes) {
      const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
      expect(internal.map(({ address }) => familyOf(address))).toEqual(stack.families)
      expect(spec?.podCIDRs?.map(familyOf)).toEqual(stack.families)
      expect(metadata.labels?.['topology.kubernetes.io/zone']).toBe('east')
    }
    const all = await pods()
    expect(all).toHaveLength(2)
    for (const pod of all) {
      expect(addressesOf(pod).map(familyOf)).toEqual(stack.families)
      expect(pod.status?.podIP).toBe(addressesOf(pod)[0])
    }
    const { stdout: neighbours } = await run('ip', ['-n', nodeOf(all[0] as Pod)?.netns ?? '', 'neigh'])
    for (const address of addressesOf(all[0] as Pod))
      expect(neighbours).toMatch(new RegExp(`^${address} .*PERMANENT`, 'm'))
    for (const { netns } of [...state.nodes, state.client, state.router]) {
      const { stdout } = await run('ip', ['-n', netns, '-4', '-br', 'address'])
      expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('lo')).length > 0).toBe(
        state.families.includes('IPv4'),
      )
    }
  })

  it.each([...stack.families])('pods reach each other across nodes by %s, with their own source', async (family) => {
    const [one, other] = (await pods()) as [Pod, Pod]
    expect(nodeOf(one)).not.toBe(nodeOf(other))
    const i = state.families.indexOf(family)
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const namespace = inPod(from)
      try {
        const reply = await ask(namespace, addressesOf(to)[i] ?? '')
        expect(reply).toMatchObject({ pod: to.metadata.name, clientAddress: addressesOf(from)[i] })
      } finally {
        namespace.close()
      }
    }
  })

  it.each([...stack.families])('pods and the client outside reach each other by %s', async (family) => {
    const [pod] = (await pods()) as [Pod]
    const i = state.families.indexOf(family)
    const [inside, outside] = [inPod(pod), NetworkNamespace.named(state.client.netns)]
    const address = state.client.addresses[i] ?? ''
    const server = createServer((socket) => socket.end(socket.remoteAddress ?? ''))
    try {
      expect(await ask(outside, addressesOf(pod)[i] ?? '')).toMatchObject({ clientAddress: address })
      server.listen({ fd: listenTcp(outside, address, 4711) })
      const socket = connectTcp(inside, { address, port: 4711 })
      const [seen] = await once(socket, 'data')
      expect(String(seen)).toBe(addressesOf(pod)[i])
    } finally {
      server.close()
      inside.close()
      outside.close()
    }
  })

  it.runIf(stack.letter === 'd')('makes a node again whose holder was killed, with its pods', async () => {
    const before = (readJson(labFiles(name).processes) as LabProcesses).nodes['node1']
    process.kill(before?.holderPid ?? 0, 'SIGKILL')
    await eventually(async () => {
      expect(readLabState(name).nodes[0]?.holderPid).not.toBe(before?.holderPid)
      const report = JSON.parse((await lab('status', ['-o', 'json'])).stdout) as LabReport
      expect(report).toMatchObject({ state: 'ready' })
      const outside = NetworkNamespace.named(state.client.netns)
      try {
        for (const pod of await pods())
          for (const address of addressesOf(pod))
            expect(await ask(outside, address)).toMatchObject({ pod: pod.metadata.name })
      } finally {
        outside.close()
      }
    })
  })
})
