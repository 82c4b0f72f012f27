import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeEachKubectl } from './kubectls.ts'
import { startTestServer, type TestServer } from './server.ts'

// Custom resources and the kinds that are only stored, through stock kubectl: the one on PATH and an old one (see kubectl.test.ts).

const group = `weft-${process.pid}.example`
const name = `widgets.${group}`

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name} }
spec:
  group: ${group}
  scope: Namespaced
  names: { plural: widgets, kind: Widget, shortNames: [wdg] }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: { type: integer, minimum: 1, maximum: 10, description: How large it is. }
                colour: { type: string, enum: [red, blue], default: red }
                port: { x-kubernetes-int-or-string: true }
                free: { type: object, x-kubernetes-preserve-unknown-fields: true }
                tags: { type: array, items: { type: string } }
                replicas: { type: integer }
            status:
              type: object
              properties: { phase: { type: string }, replicas: { type: integer } }
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas }
      additionalPrinterColumns:
        - { name: Size, type: integer, jsonPath: .spec.size }
        - { name: Colour, type: string, jsonPath: .spec.colour, priority: 1 }
        - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
    - name: v1beta1
      served: true
      storage: false
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`

const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: one }
spec: { minAvailable: 1, selector: { matchLabels: { app: a } } }
`

const widget = (spec: string, version = 'v1'): string =>
  `apiVersion: ${group}/${version}\nkind: Widget\nmetadata: { name: one }\nspec: ${spec}\n`

describeEachKubectl(suite)

function suite(binary: string): void {
  let server: TestServer
  let dir: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'weft-crd-'))
    server = await startTestServer()
  })

  afterAll(async () => {
    await kubectl(['delete', 'crd', name, '--ignore-not-found']).catch(() => '')
    await server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  async function kubectl(args: string[], input = ''): Promise<string> {
    const flags = ['--kubeconfig', server.kubeconfig, '--cache-dir', join(dir, 'cache')]
    const options = { env: { PATH: process.env['PATH'] ?? '', HOME: dir } }
    const running = promisify(execFile)(binary, [...flags, ...args], options)
    running.child.stdin?.end(input)
    return (await running).stdout
  }

  const failure = (args: string[], input = ''): Promise<string> =>
    kubectl(args, input).then(
      (stdout) => Promise.reject(new Error(`should have failed: ${stdout}`)),
      (error: { stderr: string }) => error.stderr,
    )

  it('establishes a definition', async () => {
    expect(await kubectl(['apply', '-f', '-'], definition)).toContain(`${name} created`)
    await kubectl(['wait', `crd/${name}`, '--for=condition=established', '--timeout=20s'])
    expect(await kubectl(['apply', '-f', '-'], definition)).toContain(`${name} unchanged`)
    expect(await kubectl(['api-resources', `--api-group=${group}`])).toMatch(/widgets +wdg +\S+\/v1 +true +Widget/)
    expect(await kubectl(['api-versions'])).toContain(`${group}/v1\n${group}/v1beta1\n`)
  })

  it('applies, changes and shows an object', async () => {
    const first = widget('{ size: 2, tags: [a, b], port: http }')
    expect(await kubectl(['apply', '-f', '-'], first)).toContain('one created')
    expect(await kubectl(['apply', '-f', '-'], first)).toContain('one unchanged')
    expect(await kubectl(['apply', '-f', '-'], widget('{ size: 3, tags: [b] }'))).toContain('one configured')
    const spec = await kubectl(['get', 'wdg', 'one', '-o', 'jsonpath={.spec}'])
    expect(JSON.parse(spec)).toEqual({ size: 3, tags: ['b'], colour: 'red' })
    expect(await kubectl(['get', 'widgets'])).toMatch(/^NAME +SIZE +AGE\none +3 +[\dms]+\n$/)
    expect(await kubectl(['get', 'widgets', '-o', 'wide'])).toMatch(/NAME +SIZE +COLOUR +AGE\none +3 +red +[\dms]+/)
    expect(await kubectl(['describe', 'wdg', 'one'])).toMatch(/Kind: +Widget[^]*Size: +3/)
  })

  it('compares', async () => {
    const out = await kubectl(['diff', '-f', '-'], widget('{ size: 4, tags: [b] }')).catch(
      (error: { stdout: string }) => error.stdout,
    )
    expect(out).toMatch(/-\s+size: 3\n\+\s+size: 4/)
  })

  it('serves another version of the same object', async () => {
    const object = JSON.parse(await kubectl(['get', `widgets.v1beta1.${group}`, 'one', '-o', 'json']))
    expect(object).toMatchObject({ apiVersion: `${group}/v1beta1`, spec: { size: 3, colour: 'red' } })
  })

  it('explains', async () => {
    expect(await kubectl(['explain', 'widgets.spec.size'])).toContain('How large it is.')
    expect(await kubectl(['explain', 'deployment.spec.template.spec.containers'])).toMatch(/image\s+<string>/)
  })

  it('scales', async () => {
    await kubectl(['patch', 'wdg', 'one', '--type=merge', '-p', '{"spec":{"replicas":1}}'])
    await kubectl(['scale', 'wdg/one', '--replicas=3'])
    expect(await kubectl(['get', 'wdg', 'one', '-o', 'jsonpath={.spec.replicas}'])).toBe('3')
  })

  it('says what is wrong', async () => {
    expect(await failure(['apply', '--validate=false', '-f', '-'], widget('{ size: 30, colour: green }'))).toMatch(
      /spec.size: Invalid value: 30: spec.size in body should be less than or equal to 10/,
    )
    expect(await failure(['apply', '-f', '-'], widget('{ size: 3, unknown: 1 }'))).toMatch(
      /unknown field "(spec\.)?unknown"/,
    )
    expect(await failure(['patch', 'wdg', 'one', '--type=strategic', '-p', '{}'])).toMatch(
      /strategic merge patch is not supported|415|unknown format|UnsupportedMediaType/i,
    )
  })

  it('creates kinds of every group', async () => {
    const make = (args: string): Promise<string> => kubectl(['create', ...args.split(' ')])
    await make('role reader --verb=get --resource=pods')
    await make('rolebinding readers --role=reader --user=me')
    await make('quota few --hard=pods=2')
    await make('priorityclass weft-high --value=10')
    await make('ingress web --rule=a.example/*=web:80')
    await make('job once --image=example.com/job:1')
    // An old kubectl would make one of policy/v1beta1.
    await kubectl(['apply', '-f', '-'], budget)
    expect(await kubectl(['get', 'role,rolebinding,quota,job,pdb,ingress', '-o', 'name'])).toBe(
      [
        'role.rbac.authorization.k8s.io/reader',
        'rolebinding.rbac.authorization.k8s.io/readers',
        'resourcequota/few',
        'job.batch/once',
        'poddisruptionbudget.policy/one',
        'ingress.networking.k8s.io/web',
        '',
      ].join('\n'),
    )
    for (const one of ['role/reader', 'quota/few', 'job/once'])
      expect(await kubectl(['describe', one])).toContain(one.split('/')[1])
    expect(await kubectl(['auth', 'can-i', 'create', 'pods'])).toBe('yes\n')
    await kubectl(['delete', 'role/reader', 'rolebinding/readers', 'quota/few', 'job/once', 'pdb/one', 'ing/web'])
    await kubectl(['delete', 'priorityclass', 'weft-high'])
  })

  it('keeps definitions and objects over a restart', async ({ skip }) => {
    if (!server.isEmbedded) skip('only the embedded API can be restarted')
    await server.restart()
    expect(await kubectl(['get', 'wdg', 'one', '-o', 'jsonpath={.spec.size}'])).toBe('3')
  })

  it('deletes the objects with the definition, those with finalizers last', async () => {
    await kubectl(['patch', 'wdg', 'one', '--type=merge', '-p', '{"metadata":{"finalizers":["weft.example/wait"]}}'])
    await kubectl(['delete', 'crd', name, '--wait=false'])
    const conditions = '{.status.conditions[?(@.type=="Terminating")].status}'
    expect(await kubectl(['get', 'crd', name, '-o', `jsonpath=${conditions}`])).toBe('True')
    expect(await failure(['create', '-f', '-'], widget('{ size: 1 }').replace('one', 'two'))).toContain(
      'create not allowed while custom resource definition is terminating',
    )
    await kubectl(['patch', 'wdg', 'one', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'])
    const left = (): Promise<string> => kubectl(['get', 'crd', name, '--ignore-not-found', '-o', 'name'])
    await expect.poll(left).toBe('')
    expect(await failure(['get', '--raw', `/apis/${group}/v1/widgets`])).toMatch(/not found|NotFound/i)
  })
}
