import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeEachKubectl, kubectls } from './kubectls.ts'
import { isEmbedded, orSkipped, startTestServer, type TestServer } from './server.ts'

// Stock kubectl against the embedded API (or a real one, see server.ts): KUBECTL names binaries (separated by `:`); by default the one on PATH and an
// old one, where `apt-get download kubernetes-client` was unpacked to.

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: main, image: "example.com/app:1", ports: [{ containerPort: 8080, name: http }] }
        - { name: side, image: "example.com/side:1" }
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: http }, { name: alt, port: 81 }]
`

describeEachKubectl(suite)

function suite(binary: string): void {
  let server: TestServer
  let dir: string
  const namespace = isEmbedded ? 'default' : `weft-t${process.pid}-kubectl${kubectls.indexOf(binary)}`

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'weft-kubectl-'))
    server = await startTestServer({ advertise: { address: '172.30.0.2', port: 6443 } })
    if (!isEmbedded) await kubectl(['create', 'namespace', namespace])
  })

  afterAll(async () => {
    if (!isEmbedded) await kubectl(['delete', 'namespace', namespace, '--wait=false'])
    await server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const options = () => ({ env: { PATH: process.env['PATH'] ?? '', HOME: dir } })
  const flags = () => ['--kubeconfig', server.kubeconfig, '--cache-dir', join(dir, 'cache'), '-n', namespace]

  /** Runs kubectl with text on its standard input; stdout and stderr together if it fails. */
  async function kubectl(args: string[], input = ''): Promise<string> {
    const running = promisify(execFile)(binary, [...flags(), ...args], options())
    running.child.stdin?.end(input)
    const { stdout } = await running
    return stdout
  }

  async function failure(args: string[], input = ''): Promise<string> {
    return kubectl(args, input).then(
      (stdout) => Promise.reject(new Error(`should have failed: ${stdout}`)),
      (error: { stderr: string }) => error.stderr,
    )
  }

  /** Starts kubectl and gives its output as it comes. */
  function follow(args: string[]): { child: ChildProcess; until(pattern: RegExp): Promise<string> } {
    const child = spawn(binary, [...flags(), ...args], options())
    let output = ''
    const listeners = new Set<() => void>()
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of listeners) listener()
    })
    // kubectl writes a line in several pieces: only a whole one matches.
    const until = (pattern: RegExp): Promise<string> =>
      new Promise((done, fail) => {
        const check = (): void => {
          if (pattern.test(output)) done(output)
        }
        listeners.add(check)
        child.on('exit', () => fail(new Error(`kubectl ended before ${pattern}: ${output}`)))
        check()
      })
    return { child, until }
  }

  it.skipIf(!isEmbedded)(`knows namespaces and the Service of the API${orSkipped}`, async () => {
    const namespaces = await kubectl(['get', 'namespaces', '-o', 'name'])
    expect(namespaces.trim().split('\n')).toEqual(
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((n) => `namespace/${n}`),
    )
    const services = await kubectl(['get', 'svc'])
    expect(services).toMatch(
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nkubernetes +ClusterIP +10\.43\.0\.1 +<none> +443\/TCP +[\dms]+\n$/,
    )
    expect(await kubectl(['get', 'endpointslices', 'kubernetes', '-o', 'jsonpath={.endpoints[0].addresses[0]}'])).toBe(
      '172.30.0.2',
    )
  })

  it('applies, finds nothing to do, and applies a change', async () => {
    expect(await kubectl(['apply', '-f', '-'], deployment)).toBe('deployment.apps/web created\nservice/web created\n')
    expect(await kubectl(['apply', '-f', '-'], deployment)).toBe(
      'deployment.apps/web unchanged\nservice/web unchanged\n',
    )
    const changed = deployment.replace('port: 81', 'port: 82').replace(/ +- \{ name: side.*\n/, '')
    expect(await kubectl(['apply', '-f', '-'], changed)).toBe(
      'deployment.apps/web configured\nservice/web configured\n',
    )
    const ports = await kubectl(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[*].port}'])
    expect(ports).toBe('80 82')
    const containers = '{.spec.template.spec.containers[*].name}'
    expect(await kubectl(['get', 'deploy', 'web', '-o', `jsonpath=${containers}`])).toBe('main')
  })

  it.skipIf(!isEmbedded)(`prints json, yaml, wide and custom columns${orSkipped}`, async () => {
    const json = JSON.parse(await kubectl(['get', 'deploy', 'web', '-o', 'json']))
    expect(json).toMatchObject({ kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 2 } })
    const list = JSON.parse(await kubectl(['get', 'svc', '-o', 'json']))
    expect(list.items.map((item: { kind: string }) => item.kind)).toEqual(['Service', 'Service'])
    expect(await kubectl(['get', 'svc', 'web', '-o', 'yaml'])).toContain('internalTrafficPolicy: Cluster')
    expect(await kubectl(['get', 'deploy', '-o', 'wide'])).toMatch(
      /web +0\/2 +0 +0 +[\dms]+ +main +example.com\/app:1 +app=web/,
    )
    expect(await kubectl(['get', 'all'])).toContain('deployment.apps/web')
  })

  it.skipIf(!isEmbedded)(`scales, and waits for a rollout and a condition${orSkipped}`, async () => {
    expect(await kubectl(['scale', 'deploy/web', '--replicas=3'])).toMatch(/deployment.apps\/web scaled/)
    const rollout = kubectl(['rollout', 'status', 'deploy/web', '--timeout=20s'])
    const { store } = server.api
    const before = store.get('deployments', 'default', 'web')
    const status = {
      observedGeneration: before?.metadata.generation,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      conditions: [{ type: 'Available', status: 'True' }],
    }
    if (before !== undefined) store.updateStatus('deployments', { ...before, status })
    expect(await rollout).toContain('deployment "web" successfully rolled out')
    expect(await kubectl(['wait', 'deploy/web', '--for=condition=Available', '--timeout=10s'])).toBe(
      'deployment.apps/web condition met\n',
    )
    expect(await kubectl(['get', 'deploy', 'web'])).toMatch(/web +3\/3 +3 +3 /)
  })

  it('patches in three ways, sets an image, labels and annotates', async () => {
    const patched = async (type: string, patch: unknown): Promise<string> =>
      kubectl(['patch', 'deploy', 'web', `--type=${type}`, '-p', JSON.stringify(patch)])
    await patched('strategic', { spec: { template: { spec: { containers: [{ name: 'third', image: 'x:1' }] } } } })
    await patched('merge', { metadata: { labels: { tier: 'front' } } })
    await patched('json', [{ op: 'replace', path: '/spec/revisionHistoryLimit', value: 4 }])
    await kubectl(['set', 'image', 'deploy/web', 'main=example.com/app:2'])
    await kubectl(['label', 'deploy', 'web', 'team=a'])
    await kubectl(['annotate', 'deploy', 'web', 'note=hello'])
    await kubectl(['rollout', 'restart', 'deploy/web'])
    const object = JSON.parse(await kubectl(['get', 'deploy', 'web', '-o', 'json']))
    expect(object.metadata.labels).toEqual({ team: 'a', tier: 'front' })
    expect(object.metadata.annotations.note).toBe('hello')
    expect(object.spec.revisionHistoryLimit).toBe(4)
    const images = object.spec.template.spec.containers.map((c: { image: string }) => c.image)
    expect(images).toEqual(['x:1', 'example.com/app:2'])
    expect(await kubectl(['get', 'deploy', '-l', 'team in (a,b),!none', '-o', 'name'])).toBe('deployment.apps/web\n')
  })

  it('watches', async () => {
    const watch = follow(['get', 'configmaps', '-w'])
    try {
      await kubectl(['create', 'configmap', 'seen', '--from-literal=a=1'])
      await watch.until(/NAME +DATA +AGE\n(.*\n)*seen +1 +[\dms]+\n/)
      await kubectl(['patch', 'configmap', 'seen', '--type=merge', '-p', '{"data":{"b":"2"}}'])
      await watch.until(/seen +2 +[\dms]+\n/)
    } finally {
      watch.child.kill()
    }
  })

  it('creates, replaces and deletes; a second delete finds nothing', async () => {
    await kubectl(['create', 'secret', 'generic', 'password', '--from-literal=key=secret'])
    expect(await kubectl(['get', 'secret', 'password', '-o', 'jsonpath={.data.key}'])).toBe('c2VjcmV0')
    const yaml = await kubectl(['get', 'configmap', 'seen', '-o', 'yaml'])
    expect(await kubectl(['replace', '-f', '-'], yaml.replace('b: "2"', 'b: "3"'))).toContain('configmap/seen replaced')
    expect(await kubectl(['delete', 'configmap', 'seen'])).toMatch(/configmap "seen" deleted/)
    expect(await failure(['delete', 'configmap', 'seen'])).toContain(
      'Error from server (NotFound): configmaps "seen" not found',
    )
    expect(await kubectl(['delete', 'configmap', 'seen', '--ignore-not-found'])).toBe('')
  })

  it('makes and deletes a namespace with what is in it', async () => {
    await kubectl(['create', 'namespace', 'shop'])
    await kubectl(['-n', 'shop', 'create', 'serviceaccount', 'clerk'])
    await kubectl(['-n', 'shop', 'create', 'deployment', 'till', '--image=example.com/till:1'])
    expect(await kubectl(['get', 'deploy', '-A'])).toMatch(/NAMESPACE +NAME[^]*shop +till/)
    expect(await kubectl(['delete', 'namespace', 'shop'])).toMatch(/namespace "shop" deleted/)
    expect(await kubectl(['-n', 'shop', 'get', 'serviceaccounts', '-o', 'name'])).toBe('')
    expect(await failure(['get', 'namespace', 'shop'])).toContain('namespaces "shop" not found')
  })

  it('answers --dry-run=server without storing', async () => {
    const args = ['create', 'configmap', 'dry', '--dry-run=server']
    expect(await kubectl(args)).toContain('configmap/dry created')
    expect(await kubectl(['apply', '--dry-run=server', '-f', '-'], deployment)).toContain('(server dry run)')
    expect(await failure(['get', 'configmap', 'dry'])).toContain('configmaps "dry" not found')
  })

  it.skipIf(!isEmbedded)(`describes${orSkipped}`, async () => {
    expect(await kubectl(['describe', 'svc', 'web'])).toMatch(/Port: +http +80\/TCP/)
    expect(await kubectl(['describe', 'deploy', 'web'])).toMatch(/Replicas: +3 desired/)
    expect(await kubectl(['describe', 'configmap', '-n', 'default'])).toBeDefined()
  })

  it.skipIf(!isEmbedded)(`lists what is served${orSkipped}`, async () => {
    const resources = await kubectl(['api-resources'])
    expect(resources).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/)
    expect(resources).toMatch(/nodes +no +v1 +false +Node/)
    const versions = (await kubectl(['api-versions'])).trim().split('\n')
    expect(versions).toEqual(
      expect.arrayContaining(['v1', 'apps/v1', 'discovery.k8s.io/v1', 'apiextensions.k8s.io/v1']),
    )
    expect(await kubectl(['version', '-o', 'json'])).toContain('v1.36.0+weft')
  })

  const isOld = binary.includes('1.20')
  it.skipIf(isOld)(`makes a Job of a CronJob${isOld ? ' (skipped: it knows no batch/v1 CronJob)' : ''}`, async () => {
    const volumes = '[{name: v, configMap: {name: c, items: [{key: k, path: p, mode: 256}]}}]'
    const containers = '[{name: main, image: i, volumeMounts: [{name: v, mountPath: /v}]}]'
    const pod = `{restartPolicy: Never, securityContext: {supplementalGroups: [1, 2]}, volumes: ${volumes}, containers: ${containers}}`
    const spec = `{schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: ${pod}}}}}`
    await kubectl(['create', '-f', '-'], `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: cron}\nspec: ${spec}\n`)
    await kubectl(['create', 'job', 'once', '--from=cronjob/cron'])
    const job = JSON.parse(await kubectl(['get', 'job', 'once', '-o', 'json'])) as { spec: unknown }
    expect(job.spec).toMatchObject({
      template: {
        spec: {
          securityContext: { supplementalGroups: [1, 2] },
          volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 256 }] } }],
        },
      },
    })
    await kubectl(['delete', 'job/once', 'cronjob/cron'])
  })

  it.skipIf(!isEmbedded)(`asks as somebody else${orSkipped}`, async () => {
    expect(await kubectl(['auth', 'can-i', 'list', 'pods'])).toBe('yes\n')
    expect(await failure(['get', 'pods', '--as=jane'])).toContain('User "jane" cannot list resource "pods"')
  })

  it.skipIf(!isEmbedded)(`says what is wrong in the words of a real server${orSkipped}`, async () => {
    const service = (spec: string): string => `apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: ${spec}\n`
    expect(await failure(['create', '-f', '-'], service('{clusterIP: 10.43.0.1, ports: [{port: 80}]}'))).toContain(
      'spec.clusterIPs: Invalid value: ["10.43.0.1"]: failed to allocate IP 10.43.0.1: provided IP is already allocated',
    )
    expect(await failure(['create', '-f', '-'], service('{ports: [{port: 70000}]}'))).toContain(
      'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    )
    expect(await failure(['get', 'pods', 'none'])).toContain('Error from server (NotFound): pods "none" not found')
    expect(await failure(['get', 'gadgets'])).toContain('the server doesn\'t have a resource type "gadgets"')
    expect(await failure(['create', 'namespace', 'default'])).toContain('namespaces "default" already exists')
    expect(await failure(['get', 'pods', '--token=wrong'])).toMatch(/Unauthorized|must be logged in/)
  })
}
