import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/kernel/process.ts'
import { type Holder, inNode, startHolder } from '../../src/lab/nodes/holder.ts'
import { buildTopology } from '../../src/lab/topology/build.ts'
import { planTopology } from '../../src/lab/topology/plan.ts'
import { removeLab } from '../../src/lab/topology/remove.ts'

const isRoot = process.geteuid?.() === 0

describe.skipIf(!isRoot)('node holder (needs root: makes mount namespaces)', () => {
  const lab = `h${process.pid}`
  const plan = planTopology(lab, 1)
  const [node] = plan.nodes as [(typeof plan.nodes)[0]]
  let holder: Holder

  beforeAll(async () => {
    await buildTopology(plan)
    holder = await startHolder(node.name, `/run/netns/${node.netns}`)
  })
  afterAll(async () => {
    holder.process.kill('SIGKILL')
    await once(holder.process, 'exit')
    await removeLab(lab)
  })

  const inside = async (...command: string[]) => {
    const [program = '', ...args] = inNode(holder.pid, command)
    return run(program, args)
  }

  it('has its own network, host name and /run', async () => {
    expect((await inside('hostname')).stdout.trim()).toBe('node1')
    expect((await inside('ip', '-br', 'address', 'show', 'eth0')).stdout).toContain(node.addresses[0])
    expect((await inside('ls', '/run/netns')).stdout).toBe('')
  })

  it("keeps pods' namespaces to itself", async () => {
    expect(await inside('ip', 'netns', 'add', 'cni-x')).toMatchObject({ code: 0, stderr: '' })
    expect((await inside('ip', 'netns')).stdout).toContain('cni-x')
    expect((await run('ip', ['netns'])).stdout).not.toContain('cni-x')
    expect((await run('nsenter', [`--net=/proc/${holder.pid}/root/run/netns/cni-x`, 'true'])).code).toBe(0)
    expect(await inside('ip', 'netns', 'del', 'cni-x')).toMatchObject({ code: 0 })
  })

  it('says what went wrong', async () => {
    await expect(startHolder('node9', '/run/netns/none')).rejects.toThrow(/node9 could not be made: .*none/)
  })
})
