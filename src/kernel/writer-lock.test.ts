import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { takeWriterLock } from './writer-lock.ts'

const skip = process.getuid?.() === 0 ? '' : ' (needs root to become somebody else)'

// Other tests have the lock now and then.
const waitMs = 20_000
const nobody = { uid: 65534, gid: 65534 }

/** Takes names of the lock as a process that has no business with it. */
async function squat(...tails: string[]) {
  const names = JSON.stringify(tails.map((tail) => `\0weft/writer${tail}`))
  const script = `let left = ${tails.length}
    for (const name of ${names}) {
      const server = require('net').createServer((s) => s.on('error', () => {}).end('process 1 (weft agent)'))
      const take = () => server.listen(name, () => --left || console.log('ready'))
      server.on('error', () => setTimeout(take, 50))
      take()
    }`
  const child = spawn(process.execPath, ['-e', script], { ...nobody, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    pid: child.pid,
    end: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

describe("the writer's lock", () => {
  it('has one holder, whom the other is told of', async () => {
    const lock = await takeWriterLock(waitMs)
    await expect(takeWriterLock(0)).rejects.toMatchObject({
      code: 'WRITER_LOCK_HELD',
      where: expect.stringContaining(`process ${process.pid} (`) as string,
    })
    lock.release()
    const again = await takeWriterLock(waitMs)
    again.release()
  })

  it.skipIf(skip !== '')(`is not to be had for those who cannot write${skip}`, async () => {
    const squatter = await squat('', '-2')
    const lock = await takeWriterLock(waitMs)
    const refused = { code: 'WRITER_LOCK_HELD', where: expect.stringContaining(`process ${process.pid} (`) as string }
    await expect(takeWriterLock(0)).rejects.toMatchObject(refused)
    // The first name is free again: who takes that one finds the writer at the other.
    await squatter.end()
    await expect(takeWriterLock(0)).rejects.toMatchObject(refused)
    lock.release()
    const again = await takeWriterLock(waitMs)
    again.release()
  })

  it.skipIf(skip !== '')(`tells of a process that has all names, whatever it says${skip}`, async () => {
    const squatter = await squat('', ...[1, 2, 3, 4, 5, 6, 7].map((n) => `-${n}`))
    await expect(takeWriterLock(0)).rejects.toMatchObject({
      where: `process ${squatter.pid} of user 65534, which is no agent: agents run as root`,
    })
    await squatter.end()
  })
})
