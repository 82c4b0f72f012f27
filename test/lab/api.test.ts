import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { generation } from '../../src/kernel/nftables/ruleset.ts'
import { run } from '../../src/kernel/process.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { labFiles } from '../../src/lab/files.ts'
import { readLabState } from '../../src/lab/state.ts'
import type { LabReport } from '../../src/lab/status.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

interface Item {
  kind: string
  metadata: { namespace?: string; name: string; uid: string; resourceVersion: string }
  spec?: { clusterIP?: string; ports?: { nodePort?: number }[] }
}

describe.skipIf(!isRoot || !isBuilt)('the API of a lab, killed (needs root and a build: npm run build)', () => {
  const name = `k${process.pid}`
  const lab = (command: string, ...args: string[]) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], { timeoutMs: 110_000 })
  const kubectl = async (...args: string[]): Promise<string> => {
    const command = ['--kubeconfig', readLabState(name).kubeconfig, '-n', 'shop', ...args]
    return (await promisify(execFile)('kubectl', command, { maxBuffer: 1 << 26 })).stdout
  }
  const status = async () => JSON.parse((await lab('status', '-o', 'json')).stdout) as LabReport
  const items = async (kinds: string) => JSON.parse(await kubectl('get', kinds, '-A', '-o', 'json')).items as Item[]
  const identities = async () =>
    (await items('namespaces,services,deployments,pods,nodes,endpointslices'))
      .map(({ kind, metadata, spec }) => [
        `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
        metadata.uid,
        spec?.clusterIP,
        spec?.ports?.map((port) => port.nodePort),
      ])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
  /** Of each node's rules: every write to them makes a new one. */
  const generations = () =>
    readLabState(name).nodes.map(({ netns }) => {
      const namespace = NetworkNamespace.named(netns)
      try {
        return generation(namespace)
      } finally {
        namespace.close()
      }
    })
  const answers = () => eventually(() => kubectl('get', '--raw', '/readyz'))
  const killApi = async (): Promise<void> => {
    const { pid = 0, restarts } = (await status()).api
    process.kill(pid, 'SIGKILL')
    await answers()
    expect((await status()).api.restarts).toBe(restarts + 1)
  }

  beforeAll(async () => {
    const up = await lab('up', '--nodes', '2', '-f', join(root, 'examples/shop.yaml'), '--detach')
    expect(up, up.stderr).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await lab('down')
  })

  it('is back at the same place, with all objects, uids and allocations', async () => {
    const before = await identities()
    const server = readFileSync(readLabState(name).kubeconfig, 'utf8')
    const { pid = 0 } = (await status()).api
    process.kill(pid, 'SIGKILL')
    await answers()
    expect(await identities()).toEqual(before)
    expect(readFileSync(labFiles(name).kubeconfig, 'utf8')).toBe(server)
  })

  it('lets the lab go on: nothing is written to the kernel, and everything claimed is true', async () => {
    const before = generations()
    await killApi()
    const verified = await lab('verify')
    expect(verified, verified.stdout).toMatchObject({ code: 0 })
    expect(generations()).toEqual(before)
    await eventually(async () =>
      expect((await status()).nodes.map((node) => [node.ready, node.agent.ready, node.agent.restarts])).toEqual([
        [true, true, 0],
        [true, true, 0],
      ]),
    )
  })

  it('loses nothing that it has answered for', async () => {
    const client = new ApiClient(await loadKubeconfig(readLabState(name).kubeconfig))
    const path = '/api/v1/namespaces/default/configmaps'
    const acknowledged: string[] = []
    let next = 0
    const write = async (): Promise<void> => {
      for (;;) {
        const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `map-${next++}` }, data: { a: 'b' } }
        const created = await client.create(path, map).catch(() => undefined)
        if (created === undefined) return
        acknowledged.push(map.metadata.name)
        if (acknowledged.length === 300) return killApi()
      }
    }
    await Promise.all(Array.from({ length: 8 }, write))
    await answers()
    const { items: maps } = await client.list<Item>(path)
    client.close()
    const there = new Set(maps.map(({ metadata }) => metadata.name))
    expect(acknowledged.length).toBeGreaterThanOrEqual(300)
    expect(acknowledged.filter((map) => !there.has(map))).toEqual([])
  })

  it('tells a client with an old version that it is gone', async () => {
    const [{ metadata } = { metadata: { resourceVersion: '' } }] = await items('services')
    await killApi()
    const path = `/api/v1/services?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`
    expect(await kubectl('get', '--raw', path)).toContain('"reason":"Expired"')
  })

  it('and its controllers, kubelets and agents take up their work', async () => {
    await kubectl('scale', 'deployment', 'storefront', '--replicas=4')
    await killApi()
    await kubectl('rollout', 'status', 'deployment', 'storefront', '--timeout=90s')
    await eventually(async () => {
      const verified = await lab('verify')
      expect(verified, verified.stdout).toMatchObject({ code: 0 })
    })
  })
})
