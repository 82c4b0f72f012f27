import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/kernel/process.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { inNode } from '../../src/lab/nodes/holder.ts'
import { readLabState } from '../../src/lab/state.ts'
import type { Report, Row } from '../../src/lab/verify/index.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

const pod = (name: string, node: string, spec: object, ports: object[] = [{ containerPort: 80 }]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': node },
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'example.com/web:1', ports }],
    ...spec,
  },
})
const http = { containerPort: 80, hostPort: 8080 }
const dns = { containerPort: 53, hostPort: 5353, protocol: 'UDP' }

describe.skipIf(!isRoot || !isBuilt)('host ports in a lab (needs root and a build: npm run build)', () => {
  const name = `hp${process.pid % 100000}`
  const dir = mkdtempSync(join(tmpdir(), 'weft-host-ports-'))
  const lab = (...args: string[]) =>
    run(process.execPath, [weft, 'lab', args[0] ?? '', '--name', name, ...args.slice(1)], { timeoutMs: 110_000 })
  const kubectl = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('kubectl', ['--kubeconfig', labFiles(name).kubeconfig, ...args])).stdout
  const apply = (...objects: object[]) => {
    const file = join(dir, 'objects.json')
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    return file
  }
  const until = (condition: () => Promise<void>) => eventually(condition, 100)
  const events = async (podName: string): Promise<string> =>
    kubectl('get', 'events', '--field-selector', `involvedObject.name=${podName}`, '-o', 'custom-columns=M:message')
  const status = async (podName: string) => JSON.parse(await kubectl('get', 'pod', podName, '-o', 'json')).status

  /** What verify found of the host ports of a pod: real packets from pods, nodes and outside. */
  async function verified(podName: string): Promise<Row[]> {
    const { stdout } = await lab('verify', '-o', 'json')
    const { rows } = JSON.parse(stdout) as Report
    expect(rows.filter(({ result }) => result === 'MISMATCH')).toEqual([])
    return rows.filter(
      ({ check, what, result }) =>
        check.startsWith('host port') && what.startsWith(`default/${podName} `) && result === 'ok',
    )
  }

  /** The chains of a pod's host ports in the kernel of a node, both families. */
  async function rules(node: string): Promise<string> {
    const holder = readLabState(name).nodes.find((one) => one.name === node)?.holderPid ?? 0
    const [command = '', ...args] = inNode(holder, ['sh', '-c', 'iptables-save -t nat; ip6tables-save -t nat'])
    return (await run(command, args)).stdout
  }

  function killKubelet(node: string): Promise<void> {
    const kubelet = () => (readJson(labFiles(name).processes) as LabProcesses).nodes[node]?.kubelet.pid
    const pid = kubelet() as number
    process.kill(pid, 'SIGKILL')
    return until(async () => expect([undefined, pid]).not.toContain(kubelet()))
  }

  beforeAll(async () => {
    const file = apply(
      pod('web', 'node1', {}, [http, dns, { containerPort: 81, hostPort: 10250 }]),
      pod('near', 'node1', {}),
      pod('far', 'node2', {}),
      pod('direct', 'node2', { hostNetwork: true }, [{ containerPort: 9090 }]),
    )
    const up = await lab('up', '--nodes', '2', '--dual-stack', '-f', file, '--detach')
    expect(up, up.stderr).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await lab('down')
    rmSync(dir, { recursive: true })
  })

  it('lead to the pod from everywhere, by TCP and UDP, in both families; so do ports on the network of the node', async () => {
    const web = await verified('web')
    const asked = new Set(web.map(({ what, from }) => `${what.split(' ')[1]} ${from}`))
    const [node] = readLabState(name).nodes
    const origins = ['default/web', 'default/near', 'default/far', 'node1', 'node2', 'outside']
    // One pod of each node that is not the asked one.
    for (const address of node?.addresses.map((one) => (one.includes(':') ? `[${one}]` : one)) ?? [])
      for (const port of ['8080/TCP', '5353/UDP'])
        for (const origin of origins)
          if (origin !== 'default/web') expect(asked).toContain(`${address}:${port} ${origin}`)
    const [, other] = readLabState(name).nodes
    expect((await verified('direct')).map(({ what }) => what)).toContain(
      `default/direct ${other?.addresses[0]}:9090/TCP`,
    )
  })

  it("leave the kubelet's port alone, and say so", async () => {
    expect(await events('web')).toContain("host port 10250/TCP is the kubelet's own on this node")
    expect(await kubectl('logs', 'web')).toContain('stands in for the image')
  })

  it('of a node are held by one pod: another one waits, and gets them when the first has gone', async () => {
    await kubectl('apply', '-f', apply(pod('second', 'node1', {}, [http])))
    const words = "didn't have free ports for the requested pod ports"
    await until(async () => expect(await events('second')).toContain(`0/2 nodes are available: 1 node(s) ${words}`))
    expect(await status('second')).toMatchObject({
      phase: 'Pending',
      conditions: [expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' })],
    })
    const { uid } = JSON.parse(await kubectl('get', 'pod', 'web', '-o', 'json')).metadata
    expect(await rules('node1')).toContain(uid)
    await kubectl('delete', 'pod', 'web')
    await until(async () => expect((await status('second')).phase).toBe('Running'))
    expect(await rules('node1')).not.toContain(uid)
    await until(async () => expect((await verified('second')).length).toBeGreaterThan(0))
  })

  it('are refused by the node to a pod that comes past the scheduler', async () => {
    const bound = pod('bound', 'node1', { nodeName: 'node1' }, [http])
    await kubectl('apply', '-f', apply(bound))
    const words = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    await until(async () =>
      expect(await status('bound')).toMatchObject({
        phase: 'Failed',
        reason: 'NodePorts',
        message: `Pod was rejected: ${words}`,
      }),
    )
    await until(async () => expect(await events('bound')).toContain(words))
    expect((await status('second')).phase).toBe('Running')
    await kubectl('delete', 'pod', 'bound')
  })

  it('survive a kubelet that is killed, and do not outlive a pod that goes meanwhile', async () => {
    const before = await status('second')
    await killKubelet('node1')
    // The echo server went with the kubelet, and comes again with the next one.
    await until(async () => expect((await verified('second')).length).toBeGreaterThan(0))
    const after = await status('second')
    expect([after.podIPs, after.containerStatuses]).toEqual([before.podIPs, before.containerStatuses])

    await Promise.all([
      killKubelet('node1'),
      kubectl('delete', 'pod', 'second', '--force', '--grace-period=0', '--wait=false'),
    ])
    await until(async () => expect(await rules('node1')).not.toContain('CNI-DN-'))
  })
})
