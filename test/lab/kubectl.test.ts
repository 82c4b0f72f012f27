import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig, PortForward } from '@kubernetes/client-node'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/kernel/process.ts'
import { parseEchoReply } from '../../src/lab/echo-protocol.ts'
import { labFiles } from '../../src/lab/files.ts'
import { readLabState } from '../../src/lab/state.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))
const oldKubectl = join(root, '.cache/kubectl-1.20/usr/bin/kubectl')

/** `phoenix` ends when it finds the file, and takes the file with it. */
const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: talker }
spec:
  nodeName: node1
  containers:
    - name: talker
      image: host
      command: [sh, -c, 'echo one; echo two; while :; do echo tick; sleep 0.1; done']
      env: [{ name: COLOUR, value: blue }]
    - { name: web, image: example.com/web:1, ports: [{ containerPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: phoenix }
spec:
  nodeName: node2
  containers:
    - name: main
      image: host
      command: [sh, -c, 'echo life; until [ -e /tmp/end ]; do sleep 0.05; done; rm /tmp/end; echo death; exit 3']
---
apiVersion: v1
kind: Pod
metadata: { name: counter }
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 0
  containers:
    - { name: main, image: host, stdin: true, command: [sh, -c, 'while read n; do seq $n; echo up to $n >&2; done'] }
`

interface Ended {
  code: number
  stdout: string
  stderr: string
}

describe.skipIf(!isRoot || !isBuilt)('kubectl in a lab (needs root and a build: npm run build)', () => {
  const name = `q${process.pid % 100000}`
  const dir = mkdtempSync(join(tmpdir(), 'weft-kubectl-'))
  const { kubeconfig } = labFiles(name)
  const lab = (...args: string[]) =>
    run(process.execPath, [weft, 'lab', args[0] ?? '', '--name', name, ...args.slice(1)], { timeoutMs: 110_000 })
  const runKubectl = (binary: string, args: string[], input?: string): Promise<Ended> =>
    new Promise((resolve) => {
      const options = { maxBuffer: 1 << 24, timeout: 110_000 }
      const child = execFile(binary, ['--kubeconfig', kubeconfig, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      )
      child.stdin?.end(input)
    })
  const kubectl = (...args: string[]): Promise<Ended> => runKubectl('kubectl', args)
  /** One that goes on: what it has said so far, and its end. */
  const start = (program: string, ...args: string[]) => {
    const child = spawn(program, args)
    const said = { stdout: '', stderr: '' }
    child.stdout.on('data', (data: Buffer) => (said.stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (said.stderr += data.toString()))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    return { said, ended, type: (text: string) => child.stdin.write(text), end: () => child.kill() }
  }

  beforeAll(async () => {
    writeFileSync(join(dir, 'pods.yaml'), manifest)
    const up = await lab('up', '--nodes', '2', '-f', join(dir, 'pods.yaml'), '--detach')
    expect(up, up.stderr).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await lab('down')
    rmSync(dir, { recursive: true })
  })

  it('shows logs, whole, from the end, and as they grow', async () => {
    expect((await kubectl('logs', 'talker', '-c', 'talker')).stdout).toMatch(/^one\ntwo\n(tick\n)*$/)
    expect((await kubectl('logs', 'talker', '-c', 'talker', '--tail=1')).stdout).toBe('tick\n')
    expect((await kubectl('logs', 'talker', '-c', 'talker', '--limit-bytes=6')).stdout).toBe('one\ntw')
    const following = start('kubectl', '--kubeconfig', kubeconfig, 'logs', '-f', 'talker', '-c', 'talker', '--tail=0')
    await eventually(() => expect(following.said.stdout).toMatch(/^tick\ntick\n/))
    following.end()
  })

  it('shows all of much output, to who is attached and to who follows the log, which is set aside meanwhile', async () => {
    const args = ['--kubeconfig', kubeconfig]
    const following = start('kubectl', ...args, 'logs', '-f', 'counter')
    const attached = start('kubectl', ...args, 'attach', '-i', 'counter')
    await eventually(() => {
      attached.type('1\n')
      expect(following.said.stdout).toContain('up to 1\n')
    })
    attached.type('200000\n')
    /** Lines that do not follow the one before. */
    const gapsIn = (text: string) =>
      text
        .split('\n')
        .slice(0, -1)
        .flatMap((line, i, lines) => (Number(line) === Number(lines[i - 1] ?? 0) + 1 ? [] : [[i, lines[i - 1], line]]))
    // Standard error has its own way, and may overtake.
    const numbers = (text: string) => text.replaceAll(/^up to .*\n/gm, '').replace(/^(1\n)+/, '1\n')
    await eventually(() => {
      for (const { said } of [attached, following]) expect(said.stdout.includes('\n200000\n')).toBe(true)
      expect(attached.said.stderr).toContain('up to 200000\n')
    }, 200)
    expect(attached.said.stdout.includes('up to')).toBe(false)
    for (const { said } of [attached, following]) expect(gapsIn(numbers(said.stdout))).toEqual([])
    attached.end()
    following.end()
  })

  it('runs many programs at once, and ends with a pod that goes', async () => {
    const programs = Array.from({ length: 12 }, (_, i) =>
      kubectl('exec', 'counter', '--', 'sh', '-c', `head -c 1000000 /dev/zero | tr '\\0' x; exit ${i}`),
    )
    const ended = await Promise.all(programs)
    expect(ended.map(({ code, stdout }) => [code, stdout.length])).toEqual(ended.map((_, i) => [i, 1_000_000]))
    const goingOn = ['exec', 'attach', 'port-forward'].map((verb) => {
      const more =
        { exec: ['--', 'sh', '-c', 'echo begun; sleep 1000'], attach: [], 'port-forward': [':80'] }[verb] ?? []
      return start('kubectl', '--kubeconfig', kubeconfig, verb, 'counter', ...more)
    })
    await eventually(() => expect(goingOn[0]?.said.stdout).toBe('begun\n'))
    await eventually(() => expect(goingOn[2]?.said.stdout).toContain('Forwarding from'))
    expect((await kubectl('delete', 'pod', 'counter')).code).toBe(0)
    expect(await Promise.all(goingOn.map(({ ended }) => ended))).toEqual([137, 0, 1])
    expect(goingOn[2]?.said.stderr).toContain('lost connection to pod')
  })

  it('shows what a container said in the life before, and ends with the one that it follows', async () => {
    const following = start('kubectl', '--kubeconfig', kubeconfig, 'logs', '-f', 'phoenix')
    await eventually(() => expect(following.said.stdout).toBe('life\n'))
    expect((await kubectl('logs', 'phoenix', '--previous')).stderr).toContain('previous terminated container "main"')
    expect(await kubectl('exec', 'phoenix', '--', 'touch', '/tmp/end')).toMatchObject({ code: 0 })
    expect(await following.ended).toBe(0)
    expect(following.said.stdout).toBe('life\ndeath\n')
    await eventually(async () => {
      expect((await kubectl('logs', 'phoenix')).stdout).toBe('life\n')
      expect((await kubectl('logs', 'phoenix', '-p')).stdout).toBe('life\ndeath\n')
    })
  })

  it('says which containers there are', async () => {
    expect((await kubectl('logs', 'talker', '-c', 'nobody')).stderr).toContain(
      'container nobody is not valid for pod talker',
    )
    expect((await kubectl('get', '--raw', '/api/v1/namespaces/default/pods/talker/log')).stderr).toContain(
      'a container name must be specified for pod talker, choose one of: [talker web]',
    )
  })

  it('runs programs in containers, of either sort', async () => {
    const ended = await kubectl('exec', 'talker', '-c', 'talker', '--', 'sh', '-c', 'echo $COLOUR $(hostname); exit 7')
    expect(ended).toMatchObject({ code: 7, stdout: 'blue talker\n' })
    const podIP = (await kubectl('get', 'pod', 'talker', '-o', 'jsonpath={.status.podIP}')).stdout
    expect((await kubectl('exec', 'talker', '-c', 'web', '--', 'ip', '-br', 'address')).stdout).toContain(podIP)
    expect((await runKubectl('kubectl', ['exec', '-i', 'phoenix', '--', 'wc', '-c'], 'x'.repeat(500_000))).stdout).toBe(
      '500000\n',
    )
  })

  it.skipIf(!existsSync('/usr/bin/script'))('gives them a terminal', async () => {
    const shown = "until stty size | grep -x '33 77'; do sleep 0.05; done; tty -s && echo yes"
    const command = `kubectl --kubeconfig ${kubeconfig} exec -it phoenix -- sh -c "${shown}"`
    const inTerminal = start('script', '-qec', `stty rows 33 cols 77; exec ${command}`, '/dev/null')
    expect(await inTerminal.ended, inTerminal.said.stdout).toBe(0)
    expect(inTerminal.said.stdout).toContain('33 77\r\nyes\r\n')
  })

  it('copies files to and fro', async () => {
    writeFileSync(join(dir, 'here'), 'some text')
    expect(await kubectl('cp', join(dir, 'here'), 'phoenix:/tmp/there')).toMatchObject({ code: 0 })
    expect((await kubectl('exec', 'phoenix', '--', 'cat', '/tmp/there')).stdout).toBe('some text')
    expect(await kubectl('cp', 'phoenix:/tmp/there', join(dir, 'back'))).toMatchObject({ code: 0 })
    expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('some text')
  })

  it('forwards ports', async () => {
    const forwarding = start('kubectl', '--kubeconfig', kubeconfig, 'port-forward', 'talker', ':8080', ':9')
    const local = (remote: number): string | undefined =>
      new RegExp(`127.0.0.1:(\\d+) -> ${remote}\n`).exec(forwarding.said.stdout)?.[1]
    await eventually(() => expect([local(8080), local(9)]).not.toContain(undefined))
    const ask = async (path: string) =>
      parseEchoReply(await (await fetch(`http://127.0.0.1:${local(8080)}${path}`)).text())
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`)
    expect((await Promise.all(paths.map(ask))).map((reply) => [reply?.pod, reply?.path])).toEqual(
      paths.map((path) => ['talker', path]),
    )
    await expect(fetch(`http://127.0.0.1:${local(9)}/`)).rejects.toThrow()
    await eventually(() => expect(forwarding.said.stderr).toContain('connection refused'))
    forwarding.end()
  })

  it('forwards ports for clients that know the older way', async () => {
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    const forward = new PortForward(config)
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      forward.portForward('default', 'talker', [8080], socket, null, socket).catch(() => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = createConnection((server.address() as AddressInfo).port, '127.0.0.1')
    let answer = ''
    client.on('data', (data) => (answer += data.toString()))
    client.write('GET /older HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await eventually(() => expect(answer).toMatch(/"path":"\/older".*\}/))
    for (const socket of [client, ...sockets]) socket.destroy()
    server.close()
  })

  it('reaches pods, Services and nodes through the API', async () => {
    const raw = async (path: string): Promise<string> => {
      const { stdout, stderr } = await kubectl('get', '--raw', `/api/v1/${path}`)
      return stdout || stderr
    }
    const pod = await raw('namespaces/default/pods/talker:8080/proxy/a/b?c=d')
    expect(parseEchoReply(pod), pod).toMatchObject({ pod: 'talker', path: '/a/b?c=d' })
    await kubectl('label', 'pod', 'talker', 'app=talker')
    await kubectl('expose', 'pod', 'talker', '--port=80', '--target-port=8080')
    await eventually(async () => {
      expect(parseEchoReply(await raw('namespaces/default/services/talker/proxy/'))).toMatchObject({ pod: 'talker' })
    })
    expect(await raw('nodes/node2/proxy/healthz')).toBe('ok')
    expect((await kubectl('get', '--raw', '/api/v1/namespaces/default/services/talker:none/proxy/')).stderr).toContain(
      'no service port "none" found for service "talker"',
    )
  })

  it('is not what pods can be: the port of a kubelet is closed to them', async () => {
    const [node] = readLabState(name).nodes
    const url = `https://${node?.addresses[0]}:10250`
    for (const path of ['/pods', '/healthz', '/containerLogs/default/phoenix/main']) {
      const asked = await kubectl('exec', 'phoenix', '--', 'curl', '-sk', '-w', ' %{http_code}', `${url}${path}`)
      expect(asked.stdout).toBe('Unauthorized 401')
    }
  })

  it.skipIf(!existsSync(oldKubectl))('is told, where it is an old one, what to use instead', async () => {
    const old = (...args: string[]) => runKubectl(oldKubectl, args)
    expect((await old('logs', 'talker', '-c', 'talker', '--tail=1')).stdout).toBe('tick\n')
    expect((await old('exec', 'phoenix', '--', 'ls', '-l')).stderr).toContain(
      "Use 'weft lab exec default/phoenix -- ls -l'",
    )
  })

  it('has its like in weft lab logs and exec', async () => {
    expect((await lab('logs', 'talker', '-c', 'talker', '--tail', '1')).stdout).toBe('tick\n')
    expect((await lab('logs', 'phoenix', '--previous')).stdout).toBe('life\ndeath\n')
    expect(await lab('logs', 'talker', '-c', 'nobody')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('remedy: there is: talker, web'),
    })
    const following = start(process.execPath, weft, 'lab', 'logs', '--name', name, 'talker', '-f')
    await eventually(() => expect(following.said.stdout).toMatch(/^one\ntwo\n(tick\n){2}/))
    following.end()
    const inside = await lab('exec', 'talker', '--', 'sh', '-c', 'echo $COLOUR; exit 5')
    expect(inside).toMatchObject({ code: 5, stdout: 'blue\n' })
  })

  it.each([
    [['exec', 'talker'], 'what is to be run in talker?', "'weft lab exec talker -- sh'"],
    [['exec', 'talker', 'ls', '-l'], 'the command has to stand after --', "'weft lab exec talker -- ls -l'"],
    [['exec', '--nmae', 'x', '--', 'ls'], "unknown option '--nmae'", "see 'weft lab exec --help'"],
  ])('weft lab %j says what is missing', async (args, what, remedy) => {
    const { code, stderr } = await lab(...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(what)])
    expect(stderr).toContain(remedy)
  })
})
