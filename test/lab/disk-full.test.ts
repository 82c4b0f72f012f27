import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../eventually.ts'
import { type Listing, Machine, noMachine } from './machine.ts'

const name = 'full'
const small = `
apiVersion: v1
kind: Pod
metadata: { name: web }
spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 8080 }] }] }
`

describe.skipIf(noMachine)(
  `a lab whose disk is full (${noMachine ?? 'in a machine of its own'})`,
  { timeout: 240_000 },
  () => {
    let machine: Machine
    let before: Listing

    beforeEach(async () => {
      machine = await Machine.start('disk')
      machine.write('/etc/small.yaml', small)
      before = await machine.listing()
    })
    afterEach(() => machine.close())

    const status = async () => {
      const { stdout } = await machine.weft('lab', 'status', '--name', name, '-o', 'json')
      return JSON.parse(stdout) as { state: string; problems: string[]; nodes: { agent: { restarts: number } }[] }
    }

    it('goes on, says so, and is whole again when there is room', async () => {
      await machine.sh('mkdir /var/lib/weft && mount -t tmpfs -o size=64m none /var/lib/weft')
      const up = await machine.weft('lab', 'up', '--nodes', '1', '-f', '/etc/small.yaml', '--name', name, '--detach')
      expect(up, up.stderr).toMatchObject({ code: 0 })
      await machine.sh('dd if=/dev/zero of=/var/lib/weft/fill bs=64k')
      // Its end and its next start are written down, and cannot be.
      await machine.sh(
        `kill -9 $(sed -n '/"agent"/,/}/s/.*"pid": //p' /var/lib/weft/labs/${name}/processes.json | tr -d ,)`,
      )
      await eventually(async () => {
        const { problems, state } = await status()
        expect(state).toBe('degraded')
        expect(problems).toContain(`the file system of /var/lib/weft/labs/${name} is full; make room there`)
      })
      await machine.sh('rm /var/lib/weft/fill')
      await eventually(async () => {
        const { nodes, state, problems } = await status()
        expect({ state, problems }).toEqual({ state: 'ready', problems: [] })
        expect(nodes[0]?.agent.restarts).toBe(1)
      })
      expect(await machine.weft('lab', 'verify', '--name', name)).toMatchObject({ code: 0 })
      expect(await machine.weft('lab', 'down', '--name', name)).toMatchObject({ code: 0 })
      await machine.sh('umount /var/lib/weft && rmdir /var/lib/weft')
      await eventually(async () => expect(await machine.listing()).toEqual(before))
    })
  },
)
