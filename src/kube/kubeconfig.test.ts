import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type KubeconfigEnvironment, loadKubeconfig } from './kubeconfig.ts'
import { tokenFromFile } from './token-file.ts'

const pem = (what: string): string => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

let dir: string
let environment: KubeconfigEnvironment

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-kubeconfig-'))
  environment = { env: {}, home: join(dir, 'home'), serviceAccountDir: join(dir, 'serviceaccount') }
})
afterEach(() => rmSync(dir, { recursive: true }))

interface Parts {
  cluster?: object
  user?: object
  context?: object
  root?: object
}

function write(parts: Parts = {}, file = join(dir, 'config')): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    contexts: [{ name: 'lab', context: { cluster: 'c', user: 'u', ...parts.context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...parts.cluster } }],
    users: [{ name: 'u', user: parts.user ?? { token: 'secret' } }],
    ...parts.root,
  }
  writeFileSync(file, stringify(config))
  return file
}

const load = (path?: string): ReturnType<typeof loadKubeconfig> => loadKubeconfig(path, environment)

describe('which kubeconfig', () => {
  it('takes the flag before everything else', async () => {
    environment.env = { KUBECONFIG: join(dir, 'nowhere') }
    expect((await load(write({ cluster: { server: 'https://flag' } }))).server).toBe('https://flag')
  })

  it('takes the first file of $KUBECONFIG that exists', async () => {
    const second = write({ cluster: { server: 'https://second' } }, join(dir, 'second'))
    environment.env = { KUBECONFIG: `${join(dir, 'first')}:${second}` }
    expect((await load()).server).toBe('https://second')
  })

  it('merges the files of $KUBECONFIG: the first word counts, and paths belong to their file', async () => {
    for (const folder of ['a', 'b']) mkdirSync(join(dir, folder))
    const [first, empty, second] = [join(dir, 'a', 'config'), join(dir, 'empty'), join(dir, 'b', 'config')]
    writeFileSync(empty, '\n')
    writeFileSync(join(dir, 'b', 'token'), 'of-b')
    const none = { contexts: undefined, clusters: undefined }
    write({ root: { ...none, 'current-context': undefined, users: [{ name: 'v', user: {} }] } }, first)
    write({ user: { tokenFile: 'token' }, cluster: { server: 'https://b' } }, second)
    environment.env = { KUBECONFIG: [first, empty, join(dir, 'missing'), second].join(':') }
    const connection = await load()
    expect([connection.server, connection.token?.()]).toEqual(['https://b', 'of-b'])

    write({ root: { ...none, 'current-context': 'lab' }, user: { token: 'of-a' } }, first)
    expect((await load()).token?.()).toBe('of-a')
    writeFileSync(second, '{ a: [')
    await expect(load()).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID', where: second })
  })

  it('takes ~/.kube/config', async () => {
    mkdirSync(join(dir, 'home', '.kube'), { recursive: true })
    write({ cluster: { server: 'https://home' } }, join(dir, 'home', '.kube', 'config'))
    expect((await load()).server).toBe('https://home')
  })

  it('takes the service account of a pod', async () => {
    mkdirSync(environment.serviceAccountDir)
    for (const [name, text] of [
      ['token', 'jwt\n'],
      ['ca.crt', pem('CERTIFICATE')],
      ['namespace', 'kube-system'],
    ] as const)
      writeFileSync(join(environment.serviceAccountDir, name), text)
    environment.env = { KUBERNETES_SERVICE_HOST: 'fd43::1', KUBERNETES_SERVICE_PORT: '443' }
    const connection = await load()
    expect(connection).toMatchObject({
      server: 'https://[fd43::1]:443',
      namespace: 'kube-system',
      ca: pem('CERTIFICATE'),
    })
    expect(connection.token?.()).toBe('jwt')
  })

  it('says which file the service account lacks', async () => {
    environment.env = { KUBERNETES_SERVICE_HOST: '10.43.0.1' }
    const where = join(environment.serviceAccountDir, 'ca.crt')
    await expect(load()).rejects.toMatchObject({ code: 'KUBECONFIG_UNREADABLE', where })
  })

  it('does not wander off when $KUBECONFIG names nothing that exists', async () => {
    environment.env = { KUBECONFIG: join(dir, 'nowhere'), KUBERNETES_SERVICE_HOST: '10.43.0.1' }
    await expect(load()).rejects.toMatchObject({ code: 'KUBECONFIG_MISSING', where: join(dir, 'nowhere') })
  })

  it('says what to do when there is none at all', async () => {
    await expect(load()).rejects.toMatchObject({
      code: 'KUBECONFIG_MISSING',
      remedy: expect.stringMatching(/--kubeconfig/),
    })
  })
})

describe('what a kubeconfig says', () => {
  it('reads inline data', async () => {
    const connection = await load(
      write({
        cluster: { 'certificate-authority-data': base64(pem('CERTIFICATE')), 'tls-server-name': 'k3s' },
        user: {
          'client-certificate-data': base64(pem('CERTIFICATE')),
          'client-key-data': base64(pem('EC PRIVATE KEY')),
        },
        context: { namespace: 'apps' },
      }),
    )
    expect(connection).toEqual({
      server: 'https://127.0.0.1:6443',
      ca: pem('CERTIFICATE'),
      serverName: 'k3s',
      cert: pem('CERTIFICATE'),
      key: pem('EC PRIVATE KEY'),
      namespace: 'apps',
    })
  })

  it('reads files relative to the kubeconfig', async () => {
    writeFileSync(join(dir, 'ca.crt'), pem('CERTIFICATE'))
    writeFileSync(join(dir, 'token'), 'from-file\n')
    const connection = await load(
      write({ cluster: { 'certificate-authority': 'ca.crt' }, user: { tokenFile: 'token' } }),
    )
    expect(connection.ca).toBe(pem('CERTIFICATE'))
    expect(connection.token?.()).toBe('from-file')
    expect(connection.reread?.()).toEqual({ ca: pem('CERTIFICATE') })
  })

  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws', interactiveMode: 'Never' }
  it('takes a token before a plugin', async () => {
    expect((await load(write({ user: { exec } }))).credentials).toBeDefined()
    expect((await load(write({ user: { exec, token: 't' } }))).credentials).toBeUndefined()
  })

  it.each<[string, object, string]>([
    ['no apiVersion', { apiVersion: undefined }, 'apiVersion'],
    ['an apiVersion that is gone', { apiVersion: 'client.authentication.k8s.io/v1alpha1' }, 'apiVersion'],
    ['no command', { command: '' }, 'command'],
    ['no interactiveMode in v1', { interactiveMode: undefined }, 'interactiveMode'],
    ['an unknown interactiveMode', { interactiveMode: 'Sometimes' }, 'interactiveMode'],
    ['arguments that are no list', { args: 'get-token' }, 'args'],
    ['an argument that is no string', { args: [{}] }, 'args'],
    ['a variable without name', { env: [{ value: 'x' }] }, 'env[0].name'],
  ])('points at the mistake in a plugin: %s', async (_name, mistake, field) => {
    const file = write({ user: { exec: { ...exec, ...mistake } } })
    const where = `${file}: users[u].user.exec.${field}`
    await expect(load(file)).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID', where })
  })

  it('allows a context without a user, and skipping verification', async () => {
    const file = write({
      context: { user: '' },
      cluster: { server: 'http://127.0.0.1:8001/', 'insecure-skip-tls-verify': true },
    })
    expect(await load(file)).toEqual({ server: 'http://127.0.0.1:8001', insecureSkipTLSVerify: true })
  })

  const inline = { 'certificate-authority-data': base64(pem('CERTIFICATE')) }
  it.each<[string, Parts, string, string]>([
    ['no current context', { root: { 'current-context': '' } }, 'KUBECONFIG_INVALID', 'current-context'],
    ['unknown context', { root: { 'current-context': 'prod' } }, 'KUBECONFIG_INVALID', 'contexts'],
    ['no contexts at all', { root: { contexts: null } }, 'KUBECONFIG_INVALID', 'contexts'],
    ['unknown cluster', { context: { cluster: 'x' } }, 'KUBECONFIG_INVALID', 'clusters'],
    ['no cluster', { context: { cluster: null } }, 'KUBECONFIG_INVALID', 'contexts[lab].context.cluster'],
    ['unknown user', { context: { user: 'x' } }, 'KUBECONFIG_INVALID', 'users'],
    ['empty user', { root: { users: [{ name: 'u' }] } }, 'KUBECONFIG_INVALID', 'users[u].user'],
    ['no server', { cluster: { server: null } }, 'KUBECONFIG_INVALID', 'clusters[c].cluster.server'],
    [
      'server without scheme',
      { cluster: { server: '127.0.0.1:6443' } },
      'KUBECONFIG_INVALID',
      'clusters[c].cluster.server',
    ],
    [
      'CA that is no PEM',
      { cluster: { 'certificate-authority-data': 'AAAA' } },
      'KUBECONFIG_INVALID',
      'clusters[c].cluster.certificate-authority-data',
    ],
    [
      'CA file missing',
      { cluster: { 'certificate-authority': 'x.crt' } },
      'KUBECONFIG_UNREADABLE',
      'clusters[c].cluster.certificate-authority',
    ],
    [
      'CA and insecure',
      { cluster: { ...inline, 'insecure-skip-tls-verify': true } },
      'KUBECONFIG_INVALID',
      'clusters[c].cluster.insecure-skip-tls-verify',
    ],
    [
      'flag as text',
      { cluster: { 'insecure-skip-tls-verify': 'yes' } },
      'KUBECONFIG_INVALID',
      'clusters[c].cluster.insecure-skip-tls-verify',
    ],
    ['proxy', { cluster: { 'proxy-url': 'http://p' } }, 'KUBECONFIG_UNSUPPORTED', 'clusters[c].cluster.proxy-url'],
    [
      'certificate without key',
      { user: { 'client-certificate-data': base64(pem('CERTIFICATE')) } },
      'KUBECONFIG_INVALID',
      'users[u].user.client-key',
    ],
    [
      'key without certificate',
      { user: { 'client-key-data': base64(pem('KEY')) } },
      'KUBECONFIG_INVALID',
      'users[u].user.client-certificate',
    ],
    ['token file missing', { user: { tokenFile: 'x' } }, 'KUBECONFIG_UNREADABLE', 'users[u].user.tokenFile'],
    ['token of a wrong type', { user: { token: ['x'] } }, 'KUBECONFIG_INVALID', 'users[u].user.token'],
    ['impersonation', { user: { token: 't', as: 'x' } }, 'KUBECONFIG_UNSUPPORTED', 'users[u].user.as'],
  ])('points at the mistake: %s', async (_name, parts, code, field) => {
    const file = write(parts)
    await expect(load(file)).rejects.toMatchObject({
      code,
      fault: 'user',
      where: `${file}: ${field}`,
      remedy: expect.stringMatching(/./),
    })
  })

  it.each([
    ['{ a: [', 'not valid YAML'],
    ['- a\n- b', 'no mapping'],
    ['', 'no mapping'],
  ])('refuses %j', async (text, message) => {
    const file = join(dir, 'config')
    writeFileSync(file, text)
    await expect(load(file)).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
      where: file,
      message: expect.stringContaining(message),
    })
  })
})

describe('tokenFromFile', () => {
  it('reads again after a minute and survives a missing or empty file', () => {
    let now = 0
    let content: string | undefined = 'one\n'
    const read = (): string => {
      if (content === undefined) throw new Error('ENOENT')
      return content
    }
    const token = tokenFromFile('token', read, () => now)
    content = 'two'
    expect(token()).toBe('one')
    now = 60_000
    expect(token()).toBe('two')
    content = undefined
    now = 120_000
    expect(token()).toBe('two')
    content = ''
    now = 180_000
    expect(token()).toBe('two')
    content = 'three'
    // The clock is set back.
    now = -86_400_000
    expect(token()).toBe('three')
  })
})
