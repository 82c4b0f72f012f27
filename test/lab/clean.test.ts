import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../eventually.ts'
import { Random } from '../kernel/random.ts'
import { testSeed } from '../seed.ts'
import { type Listing, Machine, noMachine, weft } from './machine.ts'

const random = new Random(testSeed())
/** A failure names it. */
const moment = (longestMs: number): number => random.below(longestMs)

/** A Service with two pods, of which one runs a program of the host. */
const small = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: worker }
spec: { containers: [{ name: worker, image: host, command: [sleep, '1000'] }] }
`

/** Nobody listens on this pod's port, so that the verification waits before it tries once more. */
const unheard = `---
apiVersion: v1
kind: Pod
metadata: { name: unheard }
spec: { containers: [{ name: unheard, image: host, command: [sleep, '1000'], ports: [{ containerPort: 9 }] }] }
`

describe.skipIf(noMachine)(
  `a lab leaves nothing (${noMachine ?? 'in a machine of its own'})`,
  { timeout: 240_000 },
  () => {
    let machine: Machine
    let before: Listing
    const up = (name: string, nodes = 1, file = '/etc/small.yaml') => {
      return ['lab', 'up', '--nodes', `${nodes}`, '-f', file, '--name', name]
    }

    beforeEach(async () => {
      machine = await Machine.start('clean')
      machine.write('/etc/small.yaml', small)
      machine.write('/etc/unheard.yaml', `${small}${unheard}`)
      before = await machine.listing()
    })

    afterEach(async () => {
      try {
        // What was killed ends a moment later.
        await eventually(async () => expect(await machine.listing()).toEqual(before), 200)
      } finally {
        await machine.close()
      }
    })

    it('after up, verify and down, twice in a row, beside a second lab', async () => {
      const other = machine.start(...up('other'), '--detach')
      for (let round = 0; round < 2; round++) {
        // Without a terminal it verifies, and leaves the lab running.
        const started = await machine.weft(...up('one', 2, 'examples'))
        expect(started).toMatchObject({ code: 0, stderr: expect.stringContaining(' 0 mismatched') })
        expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
      }
      expect(await other.ended).toMatchObject({ code: 0 })
      expect(await machine.weft('lab', 'verify', '--name', 'other')).toMatchObject({ code: 0 })
      expect(await machine.weft('lab', 'down', '--name', 'other')).toMatchObject({ code: 0 })
    })
    it('after kill -9 of everything in any order, and down', async () => {
      expect(await machine.weft(...up('one'), '--detach')).toMatchObject({ code: 0 })
      await machine.killEverything()
      const { stdout } = await machine.weft('lab', 'status', '--name', 'one', '-o', 'json')
      expect(JSON.parse(stdout)).toMatchObject({ state: 'dead' })
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
    })

    it('after kill -9 of everything, up, and down', async () => {
      expect(await machine.weft(...up('one'), '--detach')).toMatchObject({ code: 0 })
      await machine.killEverything()
      expect(await machine.weft(...up('one'))).toMatchObject({ code: 0 })
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
    })

    it.each([0, 0, 0, 0].map(() => moment(1_500)))('after Ctrl-C %i ms into the start', async (milliseconds) => {
      const starting = machine.start(...up('one', 1, '/etc/unheard.yaml'))
      await eventually(() => expect(starting.output).not.toBe(''))
      await sleep(milliseconds)
      await starting.signal('INT')
      const { code, output } = await starting.ended
      // Before it has begun it dies of the signal, as any command does.
      expect([130, -1], output).toContain(code)
    })

    it.each([0, 0].map(() => moment(1_500)))(
      'after kill -9 of everything %i ms into the start',
      async (milliseconds) => {
        const starting = machine.start(...up('one'))
        await eventually(() => expect(starting.output).not.toBe(''))
        await sleep(milliseconds)
        await machine.killEverything()
        await starting.ended
        expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
      },
    )

    it.each(['network namespaces', 'API and controllers', 'pods running'])(
      'after down when up has come to %s',
      async (phase) => {
        const starting = machine.start(...up('one'), '--detach')
        await eventually(() => expect(starting.output).toContain(phase))
        expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
        const { code, output } = await starting.ended
        if (!output.includes('is ready')) {
          expect(output).toContain('weft: the lab "one" was taken down while it started\n')
          expect(code).toBe(1)
        }
      },
    )

    it('after two commands wanted one name at once', async () => {
      const both = [machine.start(...up('one'), '--detach'), machine.start(...up('one'), '--detach')]
      const ends = await Promise.all(both.map(({ ended }) => ended))
      expect(ends.map(({ code }) => code).toSorted((a, b) => a - b)).toEqual([0, 2])
      expect(ends.find(({ code }) => code === 2)?.output).toContain('a lab named "one" is running')
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
    })

    it('after Ctrl-C on the terminal, where it stayed until then', async () => {
      const terminal = machine.startScript('exec script -qec "exec $*" /dev/null', [
        process.execPath,
        weft,
        ...up('one'),
      ])
      await eventually(() => expect(terminal.output).toContain('Ctrl-C here ends the lab'))
      terminal.type('\u0003')
      const { code, output } = await terminal.ended
      expect(output).toMatch(/removed: nothing of it is left\s*$/)
      expect(code).toBe(0)
    })

    it.each(['exec $*', 'trap : HUP; $*; true'])('after its terminal was closed, as the command of %j', async (how) => {
      const terminal = machine.startScript(`exec script -qec "${how}" /dev/null`, [
        process.execPath,
        weft,
        ...up('one'),
      ])
      await eventually(() => expect(terminal.output).toContain('Ctrl-C here ends the lab'))
      await terminal.signal('KILL')
    })

    it('after Ctrl-C during the verification, on a terminal or not', async () => {
      for (const script of ['exec "$@"', 'exec script -qec "exec $*" /dev/null']) {
        const running = machine.startScript(script, [process.execPath, weft, ...up('one', 1, '/etc/unheard.yaml')])
        await eventually(() => expect(running.output).toContain('did not hold'))
        if (script.includes('script')) running.type('\u0003')
        else await running.signal('INT')
        expect(await running.ended).toMatchObject({ code: 130 })
      }
    })

    it('after down of nothing, and twice', async () => {
      const down = await machine.weft('lab', 'down', '--name', 'nobody')
      expect(down).toMatchObject({ code: 0, stderr: 'there is no lab "nobody"\n' })
      expect(await machine.weft(...up('one'), '--detach')).toMatchObject({ code: 0 })
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ stderr: 'lab "one" removed\n' })
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ stderr: 'there is no lab "one"\n' })
    })

    it('after down ended what ran in a pod', async () => {
      expect(await machine.weft(...up('one'), '--detach')).toMatchObject({ code: 0 })
      const inside = machine.start(
        'lab',
        'exec',
        '--name',
        'one',
        'worker',
        '--',
        'sh',
        '-c',
        'echo here; exec sleep 1000',
      )
      await eventually(() => expect(inside.output).toContain('here'))
      expect(await machine.weft('lab', 'down', '--name', 'one')).toMatchObject({ code: 0 })
      await inside.ended
    })
  },
)
