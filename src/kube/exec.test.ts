import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { ApiClient } from './client.ts'
import type { ExecConfig } from './exec-config.ts'
import { ExecPlugin } from './exec-plugin.ts'
import { runPlugin } from './exec-run.ts'
import { loadKubeconfig } from './kubeconfig.ts'
import { eventLine, json, openStream, ScriptedServer, status } from './scripted-server.fixture.ts'

const V1 = 'client.authentication.k8s.io/v1'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-exec-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const credential = (state: object, apiVersion = V1): string =>
  JSON.stringify({ apiVersion, kind: 'ExecCredential', status: state })

/** A plugin of that shell text; its path. */
function script(text: string, name = 'plugin'): string {
  const file = join(dir, name)
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

const config = (more: Partial<ExecConfig> = {}): ExecConfig => ({
  apiVersion: V1,
  command: 'plugin',
  args: [],
  env: {},
  interactiveMode: 'Never',
  installHint: '',
  cluster: undefined,
  where: 'config: users[u].user.exec.command',
  ...more,
})

describe('running a plugin', () => {
  it('hands over arguments, environment and what is expected', async () => {
    const command = script('printf "%s\\n" "$@" "$REGION" "$KUBERNETES_EXEC_INFO"; read -r line || echo no input')
    const { stdout } = await runPlugin(config({ command, args: ['get', 'a token'], env: { REGION: 'eu' } }), false)
    const info = '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}'
    expect(stdout.trim().split('\n')).toEqual(['get', 'a token', 'eu', info, 'no input'])
  })

  it('kills one that does not end, and does not wait for what it leaves behind', async () => {
    const hangs = runPlugin(config({ command: script('sleep 5', 'hangs') }), false, 100)
    await expect(hangs).rejects.toMatchObject({ message: expect.stringContaining('was ended by SIGKILL') })
    const { stdout } = await runPlugin(config({ command: script('sleep 5 & echo done', 'leaves') }), false)
    expect(stdout).toBe('done\n')
  })

  it.each<[string, () => Partial<ExecConfig>, RegExp, RegExp]>([
    [
      'a command that is not there',
      () => ({ command: 'weft-no-such-plugin', installHint: 'get it from\nhttps://example.com' }),
      /"weft-no-such-plugin" is not there/,
      /^get it from https:\/\/example.com$/,
    ],
    [
      'a path that is not there',
      () => ({ command: join(dir, 'missing') }),
      /missing" is not there/,
      /"command" in the kubeconfig/,
    ],
    [
      'a failure, with its last words',
      () => ({ command: script('echo first >&2; echo "session expired" >&2; exit 3'), args: ['login'] }),
      /plugin" ended with 3: first \/ session expired$/,
      /by hand.*plugin login$/,
    ],
    ['a signal', () => ({ command: script('kill -TERM $$') }), /was ended by SIGTERM/, /by hand/],
    [
      'a file that cannot be run',
      () => ({ command: ((file) => (chmodSync(file, 0o644), file))(script('')) }),
      /cannot be run: .*EACCES/,
      /./,
    ],
    ['a question to nobody', () => ({ interactiveMode: 'Always' as const }), /there is no terminal/, /./],
  ])('says what is wrong: %s', async (_name, more, message, remedy) => {
    await expect(runPlugin(config(more()), false)).rejects.toMatchObject({
      code: 'EXEC_PLUGIN_FAILED',
      fault: 'user',
      where: 'config: users[u].user.exec.command',
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    })
  })
})

describe('credentials of a plugin', () => {
  let nowMs: number
  let runs: number
  let answers: string[]

  beforeEach(() => {
    nowMs = Date.parse('2026-01-01T00:00:00Z')
    runs = 0
    answers = []
  })

  const plugin = (more: Partial<ExecConfig> = {}): ExecPlugin =>
    new ExecPlugin(config(more), {
      now: () => nowMs,
      run: async () => {
        runs++
        await Promise.resolve()
        return { stdout: answers.shift() ?? '', stderr: '' }
      },
    })

  it('keeps them until they expire, and asks once for all who wait', async () => {
    answers = [
      credential({ token: 'a', expirationTimestamp: '2026-01-01T01:00:00Z' }),
      credential({ clientCertificateData: 'C', clientKeyData: 'K' }),
    ]
    const one = plugin()
    expect(await Promise.all([one.current(), one.current()])).toEqual([{ token: 'a' }, { token: 'a' }])
    nowMs += 3_599_999
    expect(await one.current()).toEqual({ token: 'a' })
    expect(runs).toBe(1)
    nowMs += 1
    expect(await one.current()).toEqual({ cert: 'C', key: 'K' })
    nowMs += 86_400_000
    expect(await one.current()).toEqual({ cert: 'C', key: 'K' })
    expect(runs).toBe(2)
  })

  it('asks anew once for credentials that were refused, however many calls they had', async () => {
    answers = [credential({ token: 'a' }), credential({ token: 'b' })]
    const one = plugin()
    const first = await one.current()
    one.refused(first)
    expect(await one.current()).toEqual({ token: 'b' })
    one.refused(first)
    expect(await one.current()).toEqual({ token: 'b' })
    expect(runs).toBe(2)
  })

  it('asks again after a failure', async () => {
    answers = ['oops', credential({ token: 'b' })]
    const one = plugin()
    await expect(one.current()).rejects.toMatchObject({ code: 'EXEC_PLUGIN_FAILED' })
    expect(await one.current()).toEqual({ token: 'b' })
  })

  it('does not hold up a call that is cancelled', async () => {
    answers = [credential({ token: 'a' })]
    const one = plugin()
    const stop = new AbortController()
    const cancelled = one.current(stop.signal)
    stop.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'API_CANCELLED' })
    expect(await one.current(new AbortController().signal)).toEqual({ token: 'a' })
    expect(runs).toBe(1)
  })

  it('speaks v1beta1 as well', async () => {
    const apiVersion = 'client.authentication.k8s.io/v1beta1'
    answers = [credential({ token: 'a' }, apiVersion)]
    expect(await plugin({ apiVersion }).current()).toEqual({ token: 'a' })
  })

  it.each<[string, string, string]>([
    ['nothing', '', 'no JSON'],
    ['null', 'null', 'no object'],
    ['another version', credential({ token: 'a' }, 'client.authentication.k8s.io/v1beta1'), 'v1beta1 in place of'],
    ['another kind', '{"kind":"Secret","apiVersion":"v1"}', 'Secret of v1 in place of'],
    ['no status', `{"kind":"ExecCredential","apiVersion":"${V1}"}`, 'no status'],
    ['an empty status', credential({}), 'neither a token nor'],
    ['a certificate alone', credential({ clientCertificateData: 'C' }), 'without key'],
    ['a token that is a number', credential({ token: 1 }), 'status.token'],
    ['no time', credential({ token: 'a', expirationTimestamp: 'soon' }), 'soon'],
  ])('refuses an answer that is %s', async (_name, answer, message) => {
    answers = [answer]
    await expect(plugin().current()).rejects.toMatchObject({
      code: 'EXEC_PLUGIN_FAILED',
      message: expect.stringContaining(message),
    })
  })
})

describe('a client whose kubeconfig names a plugin', () => {
  let server: ScriptedServer
  let client: ApiClient

  beforeEach(async () => {
    server = new ScriptedServer()
    // Each run prints the next token.
    script(
      `echo run >> runs; n=$(wc -l < runs); printf '%s' "$KUBERNETES_EXEC_INFO" > info\n` +
        `echo '{"apiVersion":"${V1}","kind":"ExecCredential","status":{"token":"t'"$n"'"}}'`,
      'issue',
    )
    writeFileSync(join(dir, 'run.sh'), `#!/bin/sh\ncd ${dir} && exec ./issue\n`, { mode: 0o755 })
    const kubeconfig = {
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      clusters: [
        {
          name: 'c',
          cluster: {
            server: await server.listen(),
            'tls-server-name': 'k3s',
            extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'weft' } }],
          },
        },
      ],
      users: [
        {
          name: 'u',
          user: {
            exec: { apiVersion: V1, command: './run.sh', provideClusterInfo: true, interactiveMode: 'IfAvailable' },
          },
        },
      ],
    }
    const file = join(dir, 'config')
    writeFileSync(file, stringify(kubeconfig))
    client = new ApiClient(await loadKubeconfig(file))
  })
  afterEach(async () => {
    client.close()
    await server.close()
  })

  const accept = (token: string): void => {
    server.answer = (request, response) => {
      if (request.headers.authorization !== `Bearer ${token}`)
        return json(response, 401, status(401, 'Unauthorized', 'Unauthorized'))
      if (!request.query.has('watch')) return json(response, 200, { token })
      openStream(response)
      response.end(eventLine('ADDED', { metadata: { name: 'a', resourceVersion: '1' } }))
    }
  }

  const sent = (): unknown[] => server.requests.map(({ headers }) => headers.authorization)

  it('runs it once, and again once when the API refuses what it issued', async () => {
    accept('t1')
    expect(await client.get('/x')).toEqual({ token: 't1' })
    expect(await client.create('/x', {})).toEqual({ token: 't1' })
    accept('t2')
    expect(await client.create('/x', {})).toEqual({ token: 't2' })
    accept('never')
    await expect(client.get('/x')).rejects.toMatchObject({ status: 401 })
    expect(sent()).toEqual(['t1', 't1', 't1', 't2', 't2', 't3'].map((token) => `Bearer ${token}`))
  })

  it('does so for a watch as well', async () => {
    accept('t2')
    const events: unknown[] = []
    for await (const { type } of client.watch('/x', { resourceVersion: '0', timeoutSeconds: 5 })) events.push(type)
    expect([events, sent()]).toEqual([['ADDED'], ['Bearer t1', 'Bearer t2']])
    accept('never')
    await expect(client.watch('/x', { resourceVersion: '0', timeoutSeconds: 5 }).next()).rejects.toMatchObject({
      status: 401,
    })
    expect(sent()).toHaveLength(4)
  })

  it('tells it about the cluster', async () => {
    accept('t1')
    await client.get('/x')
    const info = JSON.parse(readFileSync(join(dir, 'info'), 'utf8')) as object
    const cluster = { server: client.origin, 'tls-server-name': 'k3s', config: { audience: 'weft' } }
    expect(info).toMatchObject({ kind: 'ExecCredential', apiVersion: V1, spec: { cluster } })
  })
})
