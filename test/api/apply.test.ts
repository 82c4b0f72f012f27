import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeEachKubectl } from './kubectls.ts'
import { startTestServer, type TestServer } from './server.ts'

// How stock kubectl changes objects of the embedded API: apply of both kinds, diff, patches, replace, label, annotate, scale, set image.
// KUBECTL names binaries as in kubectl.test.ts.

interface Container {
  name: string
  image: string
  env?: Array<{ name: string; value: string }>
}

interface Manifest {
  name?: string
  replicas?: number | undefined
  containers?: Container[]
  labels?: Record<string, string>
}

const main = { name: 'main', image: 'example.com/app:1' }

/** A Deployment as JSON, which is YAML too. */
function deployment({ name = 'web', replicas, containers = [main], labels = {} }: Manifest): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers } },
    },
  })
}

const service = (name: string, ports: object[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports },
  })

describeEachKubectl(suite)

function suite(binary: string): void {
  const namespace = `weft-t${process.pid}-apply`
  let server: TestServer
  let dir: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'weft-apply-'))
    server = await startTestServer()
    await kubectl(['create', 'namespace', namespace])
  })

  afterAll(async () => {
    await kubectl(['delete', 'namespace', namespace, '--wait=false'])
    await server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  // `kubectl diff` calls a program: one that every system has, in the place of diff.
  const env = () => ({ PATH: process.env['PATH'] ?? '', HOME: dir, KUBECTL_EXTERNAL_DIFF: differ() })
  const flags = () => ['--kubeconfig', server.kubeconfig, '--cache-dir', join(dir, 'cache'), '-n', namespace]

  /** `diff` where there is one; else a stand-in that prints the new files and says that they differ. */
  function differ(): string {
    if (spawnSync('diff', ['--version']).status === 0) return 'diff -u -N'
    const file = join(dir, 'differ')
    writeFileSync(file, '#!/bin/sh\nfor f in "$2"/*; do sed "s/^/+/" "$f"; done\nexit 1\n', { mode: 0o755 })
    return file
  }

  interface Outcome {
    code: number
    stdout: string
    stderr: string
  }

  async function run(args: string[], input = ''): Promise<Outcome> {
    const running = promisify(execFile)(binary, [...flags(), ...args], { env: env() })
    running.child.stdin?.end(input)
    return running.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: Outcome) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
    )
  }

  async function kubectl(args: string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await run(args, input)
    expect(code, stderr).toBe(0)
    return stdout
  }

  const get = async (what: string, path: string): Promise<string> =>
    kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`])

  const serverSide = (manager: string): string[] => ['apply', '--server-side', '--field-manager', manager, '-f', '-']

  it('applies on the server, again, and takes away what is left out', async () => {
    const env = [{ name: 'A', value: '1' }]
    const first = deployment({ name: 'owned', replicas: 2, containers: [{ ...main, env }], labels: { team: 'a' } })
    expect(await kubectl(serverSide('one'), first)).toContain('serverside-applied')
    const version = await get('deployment owned', '.metadata.resourceVersion')
    await kubectl(serverSide('one'), first)
    expect(await get('deployment owned', '.metadata.resourceVersion')).toBe(version)
    await kubectl(serverSide('one'), deployment({ name: 'owned', containers: [main] }))
    expect(await get('deployment owned', '.spec.replicas')).toBe('1')
    expect(await get('deployment owned', '.spec.template.spec.containers[0].env')).toBe('')
    expect(await get('deployment owned', '.metadata.labels')).toBe('')
  })

  it('names manager and field in a conflict, which --force-conflicts overrides', async () => {
    await kubectl(serverSide('one'), deployment({ name: 'fought', replicas: 2 }))
    const { code, stderr } = await run(serverSide('two'), deployment({ name: 'fought', replicas: 3 }))
    expect(code).toBe(1)
    expect(stderr).toContain('Apply failed with 1 conflict: conflict with "one": .spec.replicas')
    await kubectl([...serverSide('two'), '--force-conflicts'], deployment({ name: 'fought', replicas: 3 }))
    expect(await get('deployment fought', '.spec.replicas')).toBe('3')
    await kubectl(serverSide('one'), deployment({ name: 'fought' }))
    expect(await get('deployment fought', '.spec.replicas')).toBe('3')
  })

  it('lets two managers share an object by containers and ports', async () => {
    const side = { name: 'side', image: 'example.com/side:1' }
    await kubectl(serverSide('one'), deployment({ name: 'shared' }))
    await kubectl(serverSide('two'), deployment({ name: 'shared', containers: [side] }))
    expect(await get('deployment shared', '.spec.template.spec.containers[*].name')).toBe('main side')
    await kubectl(serverSide('one'), service('shared', [{ name: 'http', port: 80 }]))
    await kubectl(serverSide('two'), service('shared', [{ name: 'dns', port: 53, protocol: 'UDP' }]))
    expect(await get('service shared', '.spec.ports[*].port')).toBe('80 53')
    await kubectl(serverSide('two'), service('shared', []))
    expect(await get('service shared', '.spec.ports[*].port')).toBe('80')
  })

  it('goes over from apply by the client to apply by the server', async () => {
    await kubectl(['apply', '-f', '-'], deployment({ name: 'moved', replicas: 2 }))
    await kubectl(['apply', '--server-side', '-f', '-'], deployment({ name: 'moved', replicas: 4 }))
    expect(await get('deployment moved', '.spec.replicas')).toBe('4')
    const last = await get(
      'deployment moved',
      '.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration',
    )
    expect(last).toContain('"replicas":4')
    await kubectl(['apply', '--server-side', '-f', '-', '--force-conflicts'], deployment({ name: 'moved' }))
    expect(await get('deployment moved', '.spec.template.spec.containers[0].image')).toBe(main.image)
  })

  it('applies by the client: three-way merges keep what others set', async () => {
    await kubectl(['apply', '-f', '-'], deployment({ labels: { a: '1', b: '1' } }))
    await kubectl(['label', 'deployment', 'web', 'own=1'])
    await kubectl(['scale', 'deployment', 'web', '--replicas', '3'])
    await kubectl(['apply', '-f', '-'], deployment({ labels: { a: '2' } }))
    expect(JSON.parse(await get('deployment web', '.metadata.labels'))).toEqual({ a: '2', own: '1' })
    expect(await get('deployment web', '.spec.replicas')).toBe('3')
    expect(await kubectl(['apply', '-f', '-'], deployment({ labels: { a: '2' } }))).toContain('unchanged')
  })

  it('shows differences before they are made, and none after', async () => {
    const changed = deployment({ labels: { a: '3' } })
    for (const how of [[], ['--server-side', '--force-conflicts']]) {
      const { code, stdout, stderr } = await run(['diff', ...how, '-f', '-'], changed)
      expect(code, stderr).toBe(1)
      expect(stdout).toMatch(/\+ +a: "3"/)
    }
    await kubectl(['apply', '-f', '-'], changed)
    const { code, stdout } = await run(['diff', '-f', '-'], changed)
    expect(code, stdout).toBe(0)
  })

  it('patches in all ways', async () => {
    const patch = (type: string, body: unknown): Promise<string> =>
      kubectl(['patch', 'deployment', 'web', '--type', type, '-p', JSON.stringify(body)])
    await patch('strategic', {
      spec: { template: { spec: { containers: [{ name: 'side', image: 'example.com/side:1' }] } } },
    })
    expect(await get('deployment web', '.spec.template.spec.containers[*].name')).toBe('side main')
    await patch('merge', { spec: { template: { spec: { containers: [main] } } } })
    expect(await get('deployment web', '.spec.template.spec.containers[*].name')).toBe('main')
    await patch('json', [{ op: 'replace', path: '/spec/replicas', value: 5 }])
    expect(await get('deployment web', '.spec.replicas')).toBe('5')
    const wrong = await run([
      'patch',
      'deployment',
      'web',
      '--type',
      'json',
      '-p',
      '[{"op":"test","path":"/kind","value":"x"}]',
    ])
    expect(wrong.stderr).toMatch(
      /the server rejected our request due to an error in our request|The request is invalid/,
    )
  })

  it('replaces what it got', async () => {
    const object = JSON.parse(await kubectl(['get', 'deployment', 'web', '-o', 'json'])) as {
      metadata: { resourceVersion: string }
      spec: { replicas: number }
    }
    object.spec.replicas = 6
    await kubectl(['replace', '-f', '-'], JSON.stringify(object))
    expect(await get('deployment web', '.spec.replicas')).toBe('6')
    const stale = await run(['replace', '-f', '-'], JSON.stringify(object))
    expect(stale.stderr).toContain('the object has been modified; please apply your changes to the latest version')
  })

  it('labels, annotates, scales and sets images', async () => {
    await kubectl(['label', 'deployment', 'web', 'tier=front'])
    expect((await run(['label', 'deployment', 'web', 'tier=back'])).code).toBe(1)
    await kubectl(['label', 'deployment', 'web', 'tier=back', '--overwrite'])
    await kubectl(['annotate', 'deployment', 'web', 'example.com/note=x'])
    await kubectl(['label', 'deployment', 'web', 'tier-'])
    await kubectl(['set', 'image', 'deployment/web', 'main=example.com/app:2'])
    await kubectl(['scale', 'deployment/web', '--current-replicas', '6', '--replicas', '1'])
    expect(await get('deployment web', '.metadata.labels.tier')).toBe('')
    expect(await get('deployment web', '.metadata.annotations.example\\.com/note')).toBe('x')
    expect(await get('deployment web', '.spec.template.spec.containers[0].image')).toBe('example.com/app:2')
    expect(await get('deployment web', '.spec.replicas')).toBe('1')
  })

  it('knows fields that there are not, unless told not to look', async () => {
    const odd = JSON.stringify({ ...JSON.parse(deployment({ name: 'odd' })), colour: 'red' })
    const { stderr, code } = await run(['apply', '--server-side', '-f', '-'], odd)
    expect(code).toBe(1)
    expect(stderr).toMatch(/colour/)
    await kubectl(['create', '--validate=false', '-f', '-'], odd)
    expect(await get('deployment odd', '.colour')).toBe('')
  })
}
