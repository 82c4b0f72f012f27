import { execFile, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../../test/eventually.ts'
import { ApiClient } from '../../../kube/client.ts'
import { loadKubeconfig } from '../../../kube/kubeconfig.ts'
import { kubeletClientIdentity, kubeletIdentity } from '../../api/certificates.ts'
import { type EmbeddedApi, startApi } from '../../api/server.ts'
import type { KubeObject } from '../../api/types.ts'
import { LogFile } from '../containers/log-file.ts'
import type { Pod } from '../pod.ts'
import { type KubeletServer, startKubeletServer } from './index.ts'
import { reviewsBy } from './reviews.ts'

const isRoot = process.geteuid?.() === 0
const oldKubectl = join(import.meta.dirname, '../../../..', '.cache/kubectl-1.20/usr/bin/kubectl')

/** An API and a kubelet's server in this process, and the programs of `web` run right here. */
describe("a kubelet's port, asked by kubectl through the API", () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-kubelet-'))
  const kubeconfig = join(dir, 'kubeconfig')
  let api: EmbeddedApi
  let kubelet: KubeletServer
  let client: ApiClient

  const logPath = (_pod: Pod, container: string, run: number): string => join(dir, 'logs', container, `${run}.log`)
  const write = (container: string, run: number, text: string): void => {
    const file = logPath({} as Pod, container, run)
    mkdirSync(dirname(file), { recursive: true })
    appendFileSync(file, text)
  }
  const storedPod = (): KubeObject => api.store.get('pods', 'default', 'web') as KubeObject
  const report = (containerStatuses: object[]): void => {
    const pod = structuredClone(storedPod())
    api.store.updateStatus('pods', { ...pod, status: { phase: 'Running', podIP: '127.0.0.1', containerStatuses } })
  }
  const running = { restartCount: 0, ready: true, image: 'x', imageID: '', state: { running: {} }, lastState: {} }

  interface Ended {
    code: number
    stdout: string
    stderr: string
  }
  const runKubectl = (binary: string, args: string[], input?: string): Promise<Ended> =>
    new Promise((resolve) => {
      const child = execFile(
        binary,
        ['--kubeconfig', kubeconfig, ...args],
        { maxBuffer: 1 << 24 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      )
      child.stdin?.end(input)
    })
  const kubectl = (...args: string[]): Promise<Ended> => runKubectl('kubectl', args)
  /** What the program of the container `web` reads. */
  const programInput = new PassThrough()
  let inputEnded = false

  beforeAll(async () => {
    api = await startApi({ dir: join(dir, 'api') })
    writeFileSync(kubeconfig, api.kubeconfig())
    client = new ApiClient(await loadKubeconfig(kubeconfig))
    kubelet = await startKubeletServer({
      addresses: ['127.0.0.1'],
      port: 0,
      identity: await kubeletIdentity(join(dir, 'api'), 'node1', ['127.0.0.1']),
      reviews: reviewsBy(client, 'node1'),
      pods: () => api.store.list('pods') as unknown as Pod[],
      runtime: {
        logPath,
        netnsPath: () => '/proc/thread-self/ns/net',
        openInput: () => programInput,
        endInput: () => {
          inputEnded = true
        },
        enter: (_uid, container) =>
          container === 'web'
            ? {
                pid: process.pid,
                cgroupDir: '',
                restart: 0,
                cwd: '/',
                env: { PATH: process.env['PATH'] ?? '', GREETING: 'hello' },
                enter: (command) => [...command],
              }
            : undefined,
      },
      log: () => {},
    })
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
    }
    api.store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' }, status })
    const containers = ['web', 'sidecar'].map((name) => ({
      name,
      image: 'x',
      ports: [{ containerPort: 80 }],
      stdin: true,
      stdinOnce: true,
    }))
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default' } }
    api.store.create('pods', { ...pod, spec: { containers, nodeName: 'node1' } })
    report([{ ...running, name: 'web' }])
    write('web', 0, '2026-01-31T10:00:00.000000001Z stdout F one\n')
    write('web', 0, '2026-01-31T10:00:01.000000001Z stderr P tw\n2026-01-31T10:00:01.000000002Z stderr F o\n')
    write('web', 0, '2026-01-31T10:00:02.000000001Z stdout F three\n')
  })
  afterAll(async () => {
    client.close()
    await kubelet.close()
    await api.close()
    rmSync(dir, { recursive: true })
  })

  describe('logs', () => {
    it('are shown whole, from the end, since a time, with times, and cut off', async () => {
      expect(await kubectl('logs', 'web', '-c', 'web')).toMatchObject({ code: 0, stdout: 'one\ntwo\nthree\n' })
      expect((await kubectl('logs', 'web', '-c', 'web', '--tail=1')).stdout).toBe('three\n')
      expect((await kubectl('logs', 'web', '-c', 'web', '--tail=0')).stdout).toBe('')
      expect((await kubectl('logs', 'web', '-c', 'web', '--since-time=2026-01-31T10:00:02Z')).stdout).toBe('three\n')
      expect((await kubectl('logs', 'web', '-c', 'web', '--since=1s')).stdout).toBe('')
      expect((await kubectl('logs', 'web', '-c', 'web', '--limit-bytes=5')).stdout).toBe('one\nt')
      expect((await kubectl('logs', 'web', '-c', 'web', '--timestamps', '--tail=1')).stdout).toBe(
        '2026-01-31T10:00:02.000000001Z three\n',
      )
    })

    it('name the containers that there are when one has to be chosen', async () => {
      await expect(client.get('/api/v1/namespaces/default/pods/web/log')).rejects.toThrow(
        'a container name must be specified for pod web, choose one of: [web sidecar]',
      )
      const { code, stderr } = await kubectl('logs', 'web', '-c', 'db')
      expect([code, stderr]).toEqual([1, 'error: container db is not valid for pod web\n'])
      expect((await kubectl('logs', 'nobody')).stderr).toContain('pods "nobody" not found')
      expect((await kubectl('logs', 'web', '-c', 'sidecar')).stderr).toContain(
        'container "sidecar" in pod "web" is not available',
      )
      expect((await kubectl('logs', 'web', '-c', 'web', '--previous')).stderr).toContain(
        'previous terminated container "web" in pod "web" not found',
      )
      expect((await kubectl('logs', 'web', '-c', 'web', '--since=1s', '--since-time=2026-01-31T10:00:02Z')).code).toBe(
        1,
      )
    })

    it('are followed over a rotation, until the container has ended', async () => {
      write('loop', 3, '2026-01-31T10:00:00Z stdout F begin\n')
      const containers = [...storedPod()['spec'].containers, { name: 'loop', image: 'x' }]
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'loop', namespace: 'default' } }
      api.store.create('pods', { ...pod, spec: { containers, nodeName: 'node1' } })
      const status = (state: object) => {
        const containerStatuses = [{ ...running, name: 'loop', restartCount: 3, state }]
        api.store.updateStatus('pods', {
          ...structuredClone(api.store.get('pods', 'default', 'loop') as KubeObject),
          status: { phase: 'Running', containerStatuses },
        })
      }
      status({ running: {} })
      const child = spawn('kubectl', ['--kubeconfig', kubeconfig, 'logs', '-f', 'loop', '-c', 'loop'])
      let shown = ''
      child.stdout.on('data', (data: Buffer) => (shown += data.toString()))
      const exited = new Promise((resolve) => child.once('close', resolve))
      await eventually(() => expect(shown).toBe('begin\n'))
      const file = logPath({} as Pod, 'loop', 3)
      write('loop', 3, '2026-01-31T10:00:01Z stdout F last of the old\n')
      renameSync(file, `${file}.1`)
      write('loop', 3, '2026-01-31T10:00:02Z stdout F first of the new\n')
      await eventually(() => expect(shown).toBe('begin\nlast of the old\nfirst of the new\n'))
      write('loop', 3, '2026-01-31T10:00:02Z stdout F end\n')
      status({ terminated: { exitCode: 0 } })
      expect(await exited).toBe(0)
      expect(shown).toBe('begin\nlast of the old\nfirst of the new\nend\n')
    })

    it('of the run before are kept', async () => {
      write('web', 1, '2026-01-31T10:00:00Z stdout F again\n')
      expect((await kubectl('logs', 'web', '-c', 'web')).stdout).toBe('again\n')
      expect((await kubectl('logs', 'web', '-c', 'web', '-p', '--tail=1')).stdout).toBe('three\n')
    })
  })

  describe('exec', () => {
    it('carries output, errors and the exit code', async () => {
      const ended = await kubectl('exec', 'web', '-c', 'web', '--', 'sh', '-c', 'echo $GREETING; echo oh >&2; exit 7')
      expect(ended).toMatchObject({ code: 7, stdout: 'hello\n' })
      expect(ended.stderr).toBe('oh\ncommand terminated with exit code 7\n')
    })

    it('carries input to its end, large as it may be', async () => {
      const input = 'x'.repeat(3_000_000)
      const counted = await runKubectl('kubectl', ['exec', '-i', 'web', '-c', 'web', '--', 'wc', '-c'], input)
      expect(counted).toMatchObject({ code: 0, stdout: '3000000\n' })
      const back = await runKubectl('kubectl', ['exec', '-i', 'web', '-c', 'web', '--', 'cat'], input)
      expect(back.stdout === input).toBe(true)
    })

    it.skipIf(!existsSync('/usr/bin/script'))('gives a terminal of the right size', async () => {
      const command = `kubectl --kubeconfig ${kubeconfig} exec -it web -c web -- sh -c 'stty size; tty -s && echo terminal'`
      const inTerminal = `stty rows 33 cols 77; exec ${command}`
      const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
        const child = execFile('script', ['-qec', inTerminal, '/dev/null'], (_, stdout) => resolve({ stdout }))
        child.stdin?.end()
      })
      expect(stdout).toContain('terminal')
      expect(stdout).toMatch(/33 77|0 0/)
    })

    it.each([[[]], [['-it']]])('ends the program when its user has gone (%j)', async (flags) => {
      const script = "trap '' HUP INT TERM; echo pid $$; while :; do sleep 0.05; done"
      const command = ['exec', ...flags, 'web', '-c', 'web', '--', 'sh', '-c', script]
      const child = spawn('kubectl', ['--kubeconfig', kubeconfig, ...command], { stdio: ['pipe', 'pipe', 'ignore'] })
      let shown = ''
      child.stdout.on('data', (data: Buffer) => (shown += data.toString()))
      await eventually(() => expect(shown).toMatch(/pid \d+\r?\n/))
      const program = Number(/pid (\d+)/.exec(shown)?.[1])
      child.kill('SIGKILL')
      await eventually(() => expect(existsSync(`/proc/${program}`)).toBe(false))
    })

    it('says what is wrong', async () => {
      expect((await kubectl('exec', 'web', '-c', 'sidecar', '--', 'true')).stderr).toContain(
        'container not found ("sidecar")',
      )
      expect((await kubectl('exec', 'nobody', '--', 'true')).stderr).toContain('pods "nobody" not found')
    })

    it('copies files', async () => {
      writeFileSync(join(dir, 'here'), 'some text')
      const there = join(dir, 'there')
      expect(await kubectl('cp', '-c', 'web', join(dir, 'here'), `web:${there}`)).toMatchObject({ code: 0 })
      expect(readFileSync(there, 'utf8')).toBe('some text')
      expect(await kubectl('cp', '-c', 'web', `web:${there}`, join(dir, 'back'))).toMatchObject({ code: 0 })
      expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('some text')
    })

    it.skipIf(!existsSync(oldKubectl))('tells a kubectl that knows no WebSocket what to do instead', async () => {
      const old = (...args: string[]) => runKubectl(oldKubectl, args)
      expect((await old('exec', 'web', '-c', 'web', '--', 'ls', '-l')).stderr).toContain(
        "Use 'weft lab exec default/web -- ls -l'",
      )
      expect((await old('port-forward', 'pod/web', ':80')).stderr).toContain('weft lab exec')
      expect((await old('logs', 'web', '-c', 'web')).stdout).toBe('again\n')
      expect((await old('exec', 'nobody', '--', 'ls')).stderr).toContain('pods "nobody" not found')
    })
  })

  it('attach shows what comes from now on', async () => {
    write('sidecar', 0, '2026-01-31T10:00:00Z stdout F before\n')
    const child = spawn('kubectl', ['--kubeconfig', kubeconfig, 'attach', 'web', '-c', 'web'])
    let [shown, said] = ['', '']
    child.stdout.on('data', (data: Buffer) => (shown += data.toString()))
    child.stderr.on('data', (data: Buffer) => (said += data.toString()))
    const log = new LogFile(logPath({} as Pod, 'web', 1))
    await eventually(() => {
      void log.write('stdout', Buffer.from('now: '))
      expect(shown, said).toContain('now: ')
    })
    // Both streams, each whole, however much it is.
    const many = Array.from({ length: 1_000_000 }, (_, i) => `${i}\n`).join('')
    for (let at = 0; at < many.length; at += 65_536) await log.write('stdout', Buffer.from(many.slice(at, at + 65_536)))
    void log.write('stderr', Buffer.from('oh\n'))
    log.close()
    await new Promise((resolve) => child.once('close', resolve))
    expect(shown.replace(/^(now: )+/, '') === many).toBe(true)
    expect(said).toMatch(/^oh\n/m)
  })

  it('attach passes on what the program is to read, to the end', async () => {
    const child = spawn('kubectl', ['--kubeconfig', kubeconfig, 'attach', '-i', 'web', '-c', 'web'])
    const read: string[] = []
    programInput.on('data', (data: Buffer) => read.push(data.toString()))
    child.stdin.end('words\n')
    await eventually(() => expect([read.join(''), inputEnded]).toEqual(['words\n', true]))
    child.kill()
  })

  describe.skipIf(!isRoot)('port-forward (needs root: enters a network namespace)', () => {
    it('carries connections, many at once, and says which port does not answer', async () => {
      const echo = createServer((message, response) => message.pipe(response))
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
      const { port } = echo.address() as AddressInfo
      const child = spawn('kubectl', ['--kubeconfig', kubeconfig, 'port-forward', 'pod/web', `:${port}`, ':1'])
      let [told, said] = ['', '']
      child.stdout.on('data', (data: Buffer) => (told += data.toString()))
      child.stderr.on('data', (data: Buffer) => (said += data.toString()))
      const local = (remote: number): string | undefined =>
        new RegExp(`127.0.0.1:(\\d+) -> ${remote}\n`).exec(told)?.[1]
      await eventually(() => expect([local(port), local(1)], said).not.toContain(undefined))
      const ask = async (body: string): Promise<string> => {
        const answer = await fetch(`http://127.0.0.1:${local(port)}/`, { method: 'POST', body })
        return answer.text()
      }
      const bodies = ['a', 'b', 'c'.repeat(2_000_000), 'd'.repeat(500_000)]
      expect((await Promise.all(bodies.map(ask))).map((text, i) => text === bodies[i])).toEqual([
        true,
        true,
        true,
        true,
      ])
      await expect(fetch(`http://127.0.0.1:${local(1)}/`)).rejects.toThrow()
      await eventually(() => expect(said).toContain('error forwarding port 1 to pod'))
      child.kill()
      echo.closeAllConnections()
      echo.close()
    })
  })

  describe('access', () => {
    const ask = async (path: string, options: object = {}): Promise<{ status: number; body: string }> =>
      new Promise((resolve, reject) => {
        const where = { host: '127.0.0.1', port: kubelet.port, path, rejectUnauthorized: false, ...options }
        const outgoing = request(where, (response) => {
          const status = response.statusCode ?? 0
          textOf(response).then((body) => resolve({ status, body }), reject)
        })
        outgoing.on('error', reject).end()
      })
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

    it('is for nobody who does not say who they are', async () => {
      for (const path of ['/healthz', '/pods', '/exec/default/web/web?command=id', '/containerLogs/default/web/web'])
        expect(await ask(path)).toEqual({ status: 401, body: 'Unauthorized' })
      expect(await ask('/healthz', bearer('wrong'))).toMatchObject({ status: 401 })
    })

    it('is for a token that the API takes for an administrator', async () => {
      expect(await ask('/healthz', bearer(api.token))).toEqual({ status: 200, body: 'ok' })
      const { body } = await ask('/runningpods/', bearer(api.token))
      expect((JSON.parse(body) as { items: Pod[] }).items.map(({ metadata }) => metadata.name)).toContain('web')
      expect(await ask('/nothing', bearer(api.token))).toMatchObject({ status: 404 })
    })

    it('is not for a certificate of another kind or another CA', async () => {
      const serving = await kubeletIdentity(join(dir, 'api'), 'node1', ['127.0.0.1'])
      const foreign = await kubeletClientIdentity(join(dir, 'other-ca'))
      const own = await kubeletClientIdentity(join(dir, 'api'))
      const as = ({ certificate, key }: { certificate: string; key: string }) =>
        ask('/healthz', { cert: certificate, key }).catch(() => ({ status: 0, body: '' }))
      expect((await as(own)).status).toBe(200)
      expect((await as(serving)).status).not.toBe(200)
      expect((await as(foreign)).status).not.toBe(200)
    })
  })
})
