import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/kernel/process.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { inNode } from '../../src/lab/nodes/holder.ts'
import { areOrphansReaped } from '../../src/lab/nodes/orphans.ts'
import type { ContainerView } from '../../src/lab/nodes/containers/state.ts'
import {
  containerLogPath,
  containerRecordFile,
  enterContainer,
  type PodRecord,
  podRecordFile,
} from '../../src/lab/nodes/runtime.ts'
import { readLabState } from '../../src/lab/state.ts'
import { eventually } from '../eventually.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))
/** Without, pods share the PIDs of the machine. */
const ownPids = await areOrphansReaped()

/** Places of a node that must not show on the host. */
const nodePlaces = ['/etc/cni', '/etc/rancher', '/var/lib/cni', '/var/lib/rancher', '/var/lib/kubelet', '/var/log/pods']
const hostBefore = nodePlaces.map((path) => existsSync(path))

const program = (name: string, script: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: main
    image: host
    command: [sh, -c, ${JSON.stringify(script)}]
${more}
---`

const objects = `
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg}
data: {a: first, LEVEL: debug}
---
apiVersion: v1
kind: Secret
metadata: {name: sec}
stringData: {pw: s3cret}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{port: 80, targetPort: 9999}]}
---
apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {app: echo}}
spec:
  initContainers: [{name: first, image: busybox}]
  containers: [{name: web, image: nginx, ports: [{containerPort: 8080}, {containerPort: 53, protocol: UDP}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: volumes, labels: {app: volumes}}
spec:
  hostAliases: [{ip: 192.0.2.7, hostnames: [friend]}]
  dnsConfig: {options: [{name: timeout, value: '1'}]}
  initContainers:
  - name: before
    image: host
    command: [sh, -c, 'echo from init > /work-dir/note']
    volumeMounts: [{name: scratch, mountPath: /work-dir}]
  - name: side
    image: host
    restartPolicy: Always
    command: [sh, -c, 'while :; do date > /scratch/beat; sleep 0.1; done']
    startupProbe: {exec: {command: [test, -s, /scratch/beat]}, periodSeconds: 1, timeoutSeconds: 20}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  containers:
  - name: main
    image: host
    command: [sleep, infinity]
    workingDir: /made/here
    env:
    - {name: PW, valueFrom: {secretKeyRef: {name: sec, key: pw}}}
    - {name: HELLO, value: 'hello $(PW)'}
    envFrom: [{configMapRef: {name: cfg}}]
    volumeMounts:
    - {name: cfg, mountPath: /etc/own/cfg}
    - {name: cfg, mountPath: /etc/own/one, subPath: a}
    - {name: sec, mountPath: /secrets, readOnly: true}
    - {name: cfg, mountPath: /secrets/nested, readOnly: true}
    - {name: scratch, mountPath: /scratch}
    - {name: all, mountPath: /all}
    - {name: host, mountPath: /host}
  volumes:
  - {name: cfg, configMap: {name: cfg}}
  - {name: sec, secret: {secretName: sec, defaultMode: 256}}
  - {name: scratch, emptyDir: {}}
  - {name: host, hostPath: {path: /no/such/weft-test, type: DirectoryOrCreate}}
  - name: all
    projected:
      sources:
      - serviceAccountToken: {path: token, audience: me}
      - configMap: {name: cfg, items: [{key: a, path: deep/a}]}
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: secure}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456, supplementalGroups: [4567], runAsNonRoot: true}
  containers:
  - name: main
    image: host
    command: [sh, -c, 'echo $(id -u) $(id -G) > /dev/stdout; exec sleep infinity']
    volumeMounts: [{name: data, mountPath: /data}, {name: sec, mountPath: /secrets}]
    readinessProbe: {exec: {command: [sh, -c, 'test $(id -u) = 1234']}, periodSeconds: 1, timeoutSeconds: 20}
  - name: root
    image: host
    command: [sleep, infinity]
    securityContext: {runAsUser: 0, runAsNonRoot: false, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [KILL]}}
  volumes: [{name: data, emptyDir: {}}, {name: sec, secret: {secretName: sec, defaultMode: 256}}]
---
apiVersion: v1
kind: Pod
metadata: {name: sealed}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: host
    command: [sh, -c, 'printf x >> /data/runs; cat /data/runs > /var/log/end; touch /no /usr/no /run/no; [ $(cat /data/runs) = xxx ] && exec sleep infinity; exit 3']
    terminationMessagePath: /var/log/end
    securityContext: {readOnlyRootFilesystem: true}
    volumeMounts: [{name: data, mountPath: /data}]
  - {name: open, image: host, command: [sh, -c, 'touch /yes; exec sleep infinity']}
  volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: seer}
spec:
  hostPID: true
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: host, command: [sleep, infinity]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: good}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: 'host:any', command: [sh, -c, 'echo worked']}]}}}
---${program(
  'ready',
  'touch /tmp/ready; exec sleep infinity',
  '    readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1}',
)}${program(
  'web',
  "trap 'echo bye > /out/said; exit 0' TERM; echo to stderr >&2; while :; do echo $(( n = n + 1 )); sleep 0.1; done",
  `    volumeMounts: [{name: out, mountPath: /out}]
    lifecycle: {preStop: {exec: {command: [sh, -c, 'echo asked > /out/hook']}}}
  volumes: [{name: out, hostPath: {path: /run/weft-out}}]`,
)}`

describe.skipIf(!isRoot || !isBuilt)('pods of a lab (needs root and a build: npm run build)', () => {
  const name = `p${process.pid}`
  const dir = mkdtempSync(join(tmpdir(), 'weft-pods-'))
  const lab = (...args: string[]) =>
    run(process.execPath, [weft, 'lab', ...args, '--name', name], { timeoutMs: 110_000 })
  const kubectl = async (...args: string[]): Promise<string> => {
    const { kubeconfig } = readLabState(name)
    return (await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, ...args])).stdout
  }
  const apply = async (text: string) => {
    const file = join(dir, 'more.yaml')
    writeFileSync(file, text)
    await kubectl('apply', '-f', file)
  }
  const pod = async (podName: string) => JSON.parse(await kubectl('get', 'pod', podName, '-o', 'json'))
  const main = async (podName: string): Promise<ContainerStatus> => (await pod(podName)).status.containerStatuses[0]
  const nodeOf = (object: Pod) => readLabState(name).nodes.find((node) => node.name === object.spec.nodeName)
  const rootOf = (object: Pod) => `/proc/${nodeOf(object)?.holderPid}/root`
  const until = (condition: () => Promise<void>) => eventually(condition, 100)
  const events = async (podName: string): Promise<string> =>
    kubectl(
      'get',
      'events',
      '--field-selector',
      `involvedObject.name=${podName}`,
      '-o',
      'custom-columns=R:reason,M:message',
    )

  /** Runs a command in the first container of a pod, by the runtime's own description. */
  async function inside(podName: string, ...command: string[]): Promise<string> {
    const object = await pod(podName)
    const place = enterContainer(object.metadata.uid, object.spec.containers[0].name, rootOf(object))
    if (place === undefined) throw new Error(`${podName} does not run`)
    const env = Object.entries(place.env).map(([key, value]) => `${key}=${value}`)
    const { stdout, stderr, code } = await run('/usr/bin/env', ['-i', ...env, ...place.enter(command)])
    return code === 0 ? stdout : `exit ${code}: ${stdout}${stderr}`
  }
  const sh = (podName: string, script: string) => inside(podName, 'sh', '-c', script)
  const killKubelet = (nodeName: string) => {
    const { nodes } = readJson(labFiles(name).processes) as LabProcesses
    const pid = nodes[nodeName]?.kubelet.pid as number
    process.kill(pid, 'SIGKILL')
    return until(async () => {
      const now = (readJson(labFiles(name).processes) as LabProcesses).nodes[nodeName]?.kubelet.pid
      expect(now).not.toBe(pid)
      expect(now).toBeDefined()
    })
  }

  beforeAll(async () => {
    const file = join(dir, 'objects.yaml')
    writeFileSync(file, objects)
    // As root has it on many a server: nobody else may read what is made.
    const umask = process.umask(0o077)
    const starting = lab('up', '--nodes', '2', '--dual-stack', '-f', file, '--detach')
    process.umask(umask)
    const { code, stderr } = await starting
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  })
  afterAll(async () => {
    await lab('down')
    rmSync(dir, { recursive: true })
    expect(nodePlaces.map((path) => existsSync(path))).toEqual(hostBefore)
    expect(existsSync('/no/such')).toBe(false)
  })

  it('gives a node places of its own, and a cgroup that is the root of its hierarchy', async () => {
    const { holderPid } = readLabState(name).nodes[0] ?? { holderPid: 0 }
    const [command = '', ...args] = inNode(holderPid, [
      'sh',
      '-c',
      `ls -d ${nodePlaces.join(' ')} /run/flannel; cat /proc/self/cgroup`,
    ])
    const { stdout } = await run(command, args)
    for (const path of [...nodePlaces, '/run/flannel']) expect(stdout).toContain(`${path}\n`)
    expect(stdout).toMatch(/^0::\/$/m)
    expect(readFileSync(`/proc/${holderPid}/root/etc/cni/net.d/10-weft.conflist`, 'utf8')).toContain('host-local')
    expect(nodePlaces.map((path) => existsSync(path))).toEqual(hostBefore)
  })

  it('stands in for an image on both families, and writes its log', async () => {
    const object = await pod('echo')
    const addresses: string[] = object.status.podIPs.map(({ ip }: { ip: string }) => ip)
    expect(addresses).toEqual([expect.stringContaining('10.42.'), expect.stringContaining(':')])
    expect(object.status.initContainerStatuses[0].state.terminated.reason).toBe('Completed')
    const ask = (address: string) => `
      require('http').get({ host: '${address}', port: 9999, path: '/hi' }, (r) => r.pipe(process.stdout))`
    for (const address of addresses) {
      const reply = JSON.parse(await inside('ready', process.execPath, '-e', ask(address)))
      expect(reply).toMatchObject({ pod: 'echo', localAddress: address, path: '/hi', podIP: addresses[0] })
    }
    const log = rootOf(object) + containerLogPath(object, 'web', 0)
    await until(async () => expect(readFileSync(log, 'utf8')).toMatch(/Z stdout F GET \/hi 10\.42\.[\d.]+\n/))
  })

  it('has volumes of every kind in the pod alone', async () => {
    expect(
      await sh(
        'volumes',
        'cat /etc/own/cfg/a /etc/own/one /secrets/pw /scratch/note /all/deep/a; grep app /all/labels',
      ),
    ).toBe('firstfirsts3cretfrom init\nfirstapp="volumes"\n')
    expect(
      await sh(
        'volumes',
        'stat -Lc %a /secrets/pw; touch /secrets/x 2>&1 | grep -o "Read-only.*"; cat /secrets/nested/a',
      ),
    ).toBe('400\nRead-only file system\nfirst')
    expect(await sh('volumes', 'cut -d. -f2 /all/token | base64 -d 2>/dev/null')).toMatch(/"aud":\["me"\]|"aud":"me"/)
    expect(await sh('volumes', 'cd /run/secrets/kubernetes.io/serviceaccount; cat namespace; head -n1 ca.crt')).toBe(
      'default-----BEGIN CERTIFICATE-----\n',
    )
    await sh('volumes', 'echo x > /host/file; echo x > /etc/only-here')
    expect(existsSync('/etc/only-here') || existsSync('/etc/own') || existsSync('/all')).toBe(false)
    const { stdout } = await run('ls', [`${rootOf(await pod('volumes'))}/etc`])
    expect(stdout).not.toContain('only-here')
  })

  it('has its own names, resolver, environment and working directory', async () => {
    expect(await sh('volumes', 'hostname; pwd; echo "$HELLO $LEVEL"; cat /etc/hostname')).toBe(
      'volumes\n/made/here\nhello s3cret debug\nvolumes\n',
    )
    const [hosts, resolv] = [await sh('volumes', 'cat /etc/hosts'), await sh('volumes', 'cat /etc/resolv.conf')]
    const { podIP, podIPs } = (await pod('volumes')).status
    expect(hosts).toContain(`${podIP}\tvolumes\n${podIPs[1].ip}\tvolumes\n`)
    expect(hosts).toContain('192.0.2.7\tfriend')
    expect(resolv).toContain('timeout:1')
  })

  it('runs programs as their securityContext says, whoever starts them', async () => {
    expect(await kubectl('logs', 'secure', '-c', 'main')).toBe('1234 2345 3456 4567\n')
    expect(await sh('secure', 'id -u; cat /secrets/pw; touch /data/x && stat -c "%u %g" /data/x; touch /x')).toMatch(
      /^exit 1: 1234\ns3cret1234 3456\n.*Permission denied/,
    )
    const status = await kubectl('exec', 'secure', '-c', 'root', '--', 'cat', '/proc/self/status')
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    // CAP_KILL is the sixth.
    expect(status).toMatch(/^CapEff:\t0000000000000020$/m)
    await apply(`
apiVersion: v1
kind: Pod
metadata: {name: nobody}
spec: {securityContext: {runAsNonRoot: true}, containers: [{name: main, image: host, command: [sleep, infinity]}]}`)
    await until(async () =>
      expect((await main('nobody')).state['waiting']?.['reason']).toBe('CreateContainerConfigError'),
    )
    await until(async () =>
      expect(await events('nobody')).toContain(
        'Error: container has runAsNonRoot and image will run as root (pod: "nobody_',
      ),
    )
    await kubectl('delete', 'pod', 'nobody', '--now')
  })

  it('keeps a program from its root where it asks for that, but for volumes and the message that it ends with', async () => {
    await until(async () => {
      const [sealed, open] = (await pod('sealed')).status.containerStatuses
      expect(sealed).toMatchObject({ restartCount: 2, ready: true, lastState: { terminated: { message: 'xx' } } })
      expect(open).toMatchObject({ restartCount: 0, ready: true })
    })
    const logs = await kubectl('logs', 'sealed', '-c', 'main')
    for (const path of ['/no', '/usr/no', '/run/no']) expect(logs).toContain(`'${path}': Read-only file system`)
    expect(await sh('sealed', 'touch /data/x /dev/shm/x && ls /yes; touch /no')).toMatch(
      /^exit 1: \/yes\n.*Read-only file system/,
    )
  })

  it.skipIf(!ownPids)('shows a program the processes of its pod alone, and lets it end no others', async () => {
    const ours = readlinkSync('/proc/self/ns/pid')
    expect(await inside('seer', 'readlink', '/proc/self/ns/pid')).toBe(`${ours}\n`)
    expect(await inside('secure', 'readlink', '/proc/self/ns/pid')).not.toBe(`${ours}\n`)
    expect(await inside('secure', 'readlink', '/proc/self/ns/pid')).toMatch(/^pid:/)
    const { stdout } = await run('cat', [
      join(rootOf(await pod('secure')), podRecordFile((await pod('secure')).metadata.uid)),
    ])
    // Not even the holder of the pod, which is the first process that its programs see.
    await kubectl('exec', 'secure', '-c', 'root', '--', 'sh', '-c', 'kill -9 -1').catch(() => {})
    await until(async () => {
      const { containerStatuses } = (await pod('secure')).status
      expect(containerStatuses).toMatchObject([
        { restartCount: 1, ready: true, lastState: { terminated: { exitCode: 137 } } },
        { restartCount: 1, ready: true, lastState: { terminated: { exitCode: 137 } } },
      ])
    })
    const after = await pod('secure')
    expect((await run('cat', [join(rootOf(after), podRecordFile(after.metadata.uid))])).stdout).toBe(stdout)
    expect((await main('seer')).restartCount).toBe(0)
  })

  it('brings changes of a ConfigMap into running containers, but not into a subPath', async () => {
    await kubectl('patch', 'configmap', 'cfg', '-p', '{"data":{"a":"second"}}')
    await until(async () => expect(await sh('volumes', 'cat /etc/own/cfg/a')).toBe('second'))
    expect(await sh('volumes', 'cat /all/deep/a /etc/own/one')).toBe('secondfirst')
  })

  it('runs init containers in order, with a sidecar that stays', async () => {
    const { initContainerStatuses } = (await pod('volumes')).status
    expect(initContainerStatuses).toMatchObject([
      { name: 'before', ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
      { name: 'side', ready: true, started: true, state: { running: {} } },
    ])
  })

  it('waits for a ConfigMap, in the words of a kubelet', async () => {
    await apply(
      program(
        'waits',
        'sleep infinity',
        '    volumeMounts: [{name: v, mountPath: /v}]\n  volumes: [{name: v, configMap: {name: later}}]',
      ),
    )
    const words = 'MountVolume.SetUp failed for volume "v" : configmap "later" not found'
    await until(async () => expect(await events('waits')).toMatch(new RegExp(`FailedMount +${words}`)))
    expect((await main('waits')).state).toEqual({ waiting: { reason: 'ContainerCreating' } })
    await kubectl('create', 'configmap', 'later', '--from-literal=k=v')
    await until(async () => expect((await main('waits')).ready).toBe(true))
  })

  it('follows a readiness probe', async () => {
    await until(async () => expect((await main('ready')).ready).toBe(true))
    await sh('ready', 'rm /tmp/ready')
    await until(async () => expect((await main('ready')).ready).toBe(false))
    await until(async () => expect(await events('ready')).toMatch(/Unhealthy +Readiness probe failed/))
    await sh('ready', 'touch /tmp/ready')
    await until(async () => expect((await main('ready')).ready).toBe(true))
    expect((await main('ready')).restartCount).toBe(0)
  })

  it('restarts what fails: a liveness probe, a program that ends, one that is not there', async () => {
    const probe = '    livenessProbe: {httpGet: {port: 1, path: /}, periodSeconds: 1, failureThreshold: 1}'
    await apply(`${program('alive', 'exec sleep infinity', probe)}${program('crash', 'exit 3')}
apiVersion: v1
kind: Pod
metadata: {name: missing}
spec: {containers: [{name: main, image: host, command: [/no/such/program]}]}`)
    await until(async () =>
      expect((await main('alive')).lastState.terminated).toMatchObject({ exitCode: 143, reason: 'Error' }),
    )
    await until(async () =>
      expect(await events('alive')).toMatch(/Killing +Container main failed liveness probe, will be restarted/),
    )
    await until(async () => {
      const { restartCount, lastState, state } = await main('crash')
      expect(lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
      expect(state.waiting?.reason).toBe('CrashLoopBackOff')
      expect(restartCount).toBeGreaterThan(1)
    })
    expect((await pod('crash')).status.phase).toBe('Running')
    await until(async () =>
      expect((await main('missing')).lastState.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' }),
    )
    await kubectl('delete', 'pod', 'alive', 'crash', 'missing', '--now')
  })

  it('completes Jobs by their programs', async () => {
    const count = (job: string, what: string) => kubectl('get', 'job', job, '-o', `jsonpath={.status.${what}}`)
    await until(async () => expect(await count('good', 'succeeded')).toBe('1'))
    await apply(`
apiVersion: batch/v1
kind: Job
metadata: {name: bad}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: main, image: host, command: [sh, -c, 'echo why > /dev/termination-log; exit 7']}]}}}`)
    await until(async () => expect(await count('bad', 'failed')).toBe('1'))
    const { items } = JSON.parse(await kubectl('get', 'pods', '-l', 'job-name=bad', '-o', 'json'))
    expect(items[0].status).toMatchObject({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 7, reason: 'Error', message: 'why\n' } } }],
    })
  })

  it('takes everything over when the kubelet was killed', async () => {
    const before = await pod('web')
    const log = rootOf(before) + containerLogPath(before, 'main', 0)
    await killKubelet(before.spec.nodeName)
    const length = readFileSync(log, 'utf8').length
    await until(async () => expect(readFileSync(log, 'utf8').length).toBeGreaterThan(length))
    const numbers = [...readFileSync(log, 'utf8').matchAll(/stdout F (\d+)/g)].map(([, number]) => Number(number))
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
    const after = await pod('web')
    expect(after.status.podIPs).toEqual(before.status.podIPs)
    expect(after.status.containerStatuses).toEqual(before.status.containerStatuses)
    await until(async () => expect((await main('echo')).ready).toBe(true))
  })

  it('makes a pod again whose holder was killed, or whose network fails the CHECK of a new kubelet', async () => {
    const before = await pod('echo')
    const record = readJson(rootOf(before) + podRecordFile(before.metadata.uid)) as PodRecord
    process.kill(Number.parseInt(record.holder, 10), 'SIGKILL')
    await until(async () => expect(await main('echo')).toMatchObject({ ready: true, restartCount: 1 }))
    await until(async () =>
      expect(await events('echo')).toMatch(/SandboxChanged +Pod sandbox changed, it will be killed and re-created/),
    )

    const ready = await pod('ready')
    const [command = '', ...args] = inNode(nodeOf(ready)?.holderPid ?? 0, [
      'ip',
      '-n',
      `cni-${ready.metadata.uid}`,
      'link',
      'del',
      'eth0',
    ])
    expect((await run(command, args)).code).toBe(0)
    await killKubelet(ready.spec.nodeName)
    await until(async () => expect(await main('ready')).toMatchObject({ ready: true, restartCount: 1 }))
    const file = rootOf(ready) + containerRecordFile(ready.metadata.uid, 'main')
    expect((readJson(file) as { view: ContainerView }).view.last).toMatchObject({ exitCode: 137 })
    expect(await inside('ready', 'ip', '-br', 'address', 'show', 'eth0')).toContain((await pod('ready')).status.podIP)
  })

  it('ends a program by SIGTERM after its hook, and by SIGKILL when its grace is over', async () => {
    const web = await pod('web')
    await kubectl('delete', 'pod', 'web')
    const out = join(rootOf(web), '/run/weft-out')
    const said = ['hook', 'said'].map((file) =>
      readFileSync(existsSync(out) ? join(out, file) : join(standIn(web), file), 'utf8'),
    )
    expect(said).toEqual(['asked\n', 'bye\n'])
    expect(existsSync(`${rootOf(web)}/run/weft/pods/${web.metadata.uid}`)).toBe(false)

    await apply(program('stubborn', "trap '' TERM; while :; do sleep 0.1; done"))
    await until(async () => expect((await main('stubborn')).ready).toBe(true))
    const startedMs = performance.now()
    await kubectl('delete', 'pod', 'stubborn', '--wait=false')
    // Without the pod's own grace it would be 30 s.
    expect((await pod('stubborn')).metadata.deletionGracePeriodSeconds).toBe(2)
    await kubectl('wait', '--for=delete', 'pod/stubborn', '--timeout=90s')
    expect(performance.now() - startedMs).toBeGreaterThan(1_900)
  })

  /** A path that the node does not have is kept in its memory. */
  const standIn = (object: Pod) => join(rootOf(object), '/var/lib/kubelet/host-paths/run/weft-out')
})

interface Pod {
  metadata: { name: string; namespace: string; uid: string }
  spec: { nodeName: string }
}

interface ContainerStatus {
  ready: boolean
  restartCount: number
  state: Record<string, Record<string, unknown>>
  lastState: Record<string, Record<string, unknown>>
}
