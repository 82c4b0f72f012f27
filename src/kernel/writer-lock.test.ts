import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { takeWriterLock } from './writer-lock.ts'

const skip = process.getuid?.() === 0 ? '' : ' (needs root to become somebody else)'

// Other tests have the lock now and then.
const waitMs = 20_000
const listener = `const server = require('net').createServer((s) => s.end('process 1 (weft agent)'))
const take = () => server.listen('\\0weft/writer', () => console.log('ready'))
server.on('error', () => setTimeout(take, 50))
take()`

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

  it.skipIf(skip !== '')(`tells of a process that is no agent, whatever it says${skip}`, async () => {
    const squatter = spawn(process.execPath, ['-e', listener], {
      uid: 65534,
      gid: 65534,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(squatter.stdout, 'data')
    const told = expect(takeWriterLock(0)).rejects.toMatchObject({
      where: `process ${squatter.pid} of user 65534, which is no agent: agents run as root`,
    })
    await told
    const gone = once(squatter, 'exit')
    squatter.kill('SIGKILL')
    await gone
  })
})
