import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCgroup, findCgroup2, joinCgroup, killCgroup, listPids } from './cgroup.ts'
import { ipBatch, ipJson } from './ip.ts'
import { createNetns, deleteNetns, listNetns, NetworkNamespace } from './namespaces.ts'
import { mustRun, run } from './process.ts'
import { readSysctl, writeSysctl } from './sysctl.ts'

const root = process.getuid?.() === 0
const here = (): string => readlinkSync('/proc/thread-self/ns/net')

describe.skipIf(!root)('network namespaces (needs root)', () => {
  const netns = `weft-t${process.pid}-ns`
  let ns: NetworkNamespace

  beforeAll(async () => {
    await createNetns(netns)
    ns = NetworkNamespace.named(netns)
  })
  afterAll(async () => {
    ns.close()
    await deleteNetns(netns)
    expect(listNetns()).not.toContain(netns)
  })

  it('is listed, and opened by name and path', async () => {
    expect(listNetns()).toContain(netns)
    await expect(createNetns(netns)).rejects.toMatchObject({ errnoName: 'EEXIST', where: netns })
    await expect(deleteNetns('weft-none')).rejects.toMatchObject({ errnoName: 'ENOENT' })
    const again = NetworkNamespace.open(`/proc/self/root/run/netns/${netns}`)
    expect(again.run(here)).toBe(ns.run(here))
    again.close()
    expect(() => NetworkNamespace.named('weft-none')).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }))
  })

  it('runs inside and comes back, nested and after an error', () => {
    const home = here()
    const other = NetworkNamespace.open('/proc/self/ns/net')
    expect(ns.run(() => [here(), other.run(here), here()])).toEqual([ns.run(here), home, ns.run(here)])
    expect(ns.run(here)).not.toBe(home)
    expect(() =>
      ns.run(() => {
        throw new Error('inside')
      }),
    ).toThrow('inside')
    expect(here()).toBe(home)
    other.close()
  })

  it('refuses an asynchronous function, and work after close', () => {
    expect(() => ns.run(() => Promise.resolve())).toThrow(/synchronous/)
    const closed = NetworkNamespace.named(netns)
    let told = 0
    closed.onClose(() => told++)
    closed.close()
    closed.close()
    expect(told).toBe(1)
    expect(() => closed.run(here)).toThrow(/closed/)
  })

  it('starts commands inside', async () => {
    const inside = await mustRun('readlink', ['/proc/self/ns/net'], { netns })
    expect(inside.stdout.trim()).toBe(ns.run(here))
  })

  it('has sysctls of its own', () => {
    const outside = readSysctl(undefined, 'net.ipv4.ip_forward')
    writeSysctl(ns, 'net.ipv4.ip_forward', 1)
    expect(readSysctl(netns, 'net.ipv4.ip_forward')).toBe('1')
    writeSysctl(ns, 'net/ipv4/ip_forward', '0')
    expect(readSysctl(ns, 'net.ipv4.ip_forward')).toBe('0')
    expect(readSysctl(undefined, 'net.ipv4.ip_forward')).toBe(outside)
    expect(() => readSysctl(ns, 'net.ipv4.none')).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }))
    expect(() => writeSysctl(ns, 'net.ipv4.ip_forward', 'x')).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }))
  })

  it('sets up links, addresses and routes, and names the line that fails', async () => {
    await ipBatch(
      [
        'link add br0 type bridge',
        'link add v1 type veth peer name v2',
        'link set v1 master br0',
        'addr add 10.5.0.1/24 dev br0',
        'link set br0 up',
        'link set v1 up',
        'link set v2 up',
        'route add 10.6.0.0/16 via 10.5.0.2 src 10.5.0.1',
      ],
      { netns },
    )
    const links = await ipJson<object[]>(['-details', 'link', 'show'], { netns })
    expect(links).toContainEqual(
      expect.objectContaining({ ifname: 'br0', linkinfo: expect.objectContaining({ info_kind: 'bridge' }) }),
    )
    expect(links).toContainEqual(expect.objectContaining({ ifname: 'v1', master: 'br0' }))
    expect(await ipJson(['route', 'show'], { netns })).toContainEqual(
      expect.objectContaining({ dst: '10.6.0.0/16', gateway: '10.5.0.2', dev: 'br0', prefsrc: '10.5.0.1' }),
    )
    await expect(
      ipBatch(['addr add 10.5.1.1/24 dev br0', 'addr add 10.5.0.1/24 dev br0', 'link add br1 type bridge'], { netns }),
    ).rejects.toMatchObject({ errnoName: 'EEXIST', where: 'addr add 10.5.0.1/24 dev br0' })
    await expect(ipBatch(['route add 10.7.0.0/16 via 10.99.0.1'], { netns })).rejects.toMatchObject({
      errnoName: 'ENETUNREACH',
    })
    await expect(ipBatch(['link set nowhere up'], { netns })).rejects.toMatchObject({ errnoName: 'ENODEV' })
    // Nothing that comes after the line that failed.
    expect((await ipJson<{ ifname: string }[]>(['link'], { netns })).map(({ ifname }) => ifname)).not.toContain('br1')
    expect(await ipJson(['rule', 'show', 'priority', '1'], { netns })).toEqual([])
  })

  it('leaves no descriptors behind', () => {
    const count = (): number => readdirSync('/proc/self/fd').length
    const before = count()
    for (let i = 0; i < 200; i++) readSysctl(netns, 'net.ipv4.ip_forward')
    // The test runner opens and closes some too.
    expect(count()).toBeLessThan(before + 100)
  })
})

describe('commands', () => {
  it('gives back output and code', async () => {
    const result = await run('sh', ['-c', 'cat; echo "$X" >&2; exit 3'], { input: 'in', env: { X: 'set' } })
    expect(result).toEqual({ stdout: 'in', stderr: 'set\n', code: 3 })
  })

  it('names what fails, what is missing and what hangs', async () => {
    await expect(mustRun('sh', ['-c', 'echo bad >&2; exit 1'])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('bad') as string,
    })
    await expect(run('weft-no-such-command', [])).rejects.toMatchObject({ code: 'COMMAND_MISSING' })
    await expect(run('sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'COMMAND_TIMEOUT' })
    const signal = AbortSignal.timeout(50)
    await expect(run('sleep', ['60'], { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await run('sh', ['-c', 'kill -9 $$'])).toMatchObject({ code: 137 })
  })

  it('does not mind a command that leaves its input unread', async () => {
    expect(await run('true', [], { input: 'x'.repeat(1 << 20) })).toMatchObject({ code: 0 })
  })
})

describe('cgroups', () => {
  it('finds the mount in pure and hybrid hierarchies', () => {
    const pure = '31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw'
    const hybrid =
      '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / /a\\040b rw - cgroup2 none rw'
    expect(findCgroup2(pure)).toBe('/sys/fs/cgroup')
    expect(findCgroup2(hybrid)).toBe('/a b')
    expect(findCgroup2('31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw')).toBeUndefined()
  })

  const usable = root && findCgroup2(readFileSync('/proc/self/mountinfo', 'utf8')) !== undefined

  it.skipIf(!usable)('kills a process tree and leaves nothing (needs root and cgroup2)', async () => {
    const path = `weft-t${process.pid}/inner`
    createCgroup(path)
    const child = spawn('sh', ['-c', 'read go; sleep 1000 & sleep 1000 & echo ready; wait'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    joinCgroup(path, child.pid as number)
    child.stdin.end('go\n')
    await once(child.stdout, 'data')
    expect(listPids(`weft-t${process.pid}`)).toHaveLength(3)
    await killCgroup(`weft-t${process.pid}`)
    expect((await ended)[1]).toBe('SIGKILL')
    expect(listPids(path)).toEqual([])
    await killCgroup(`weft-t${process.pid}`)
  })
})
