import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cgroupRoot, createCgroup, findCgroup2, joinCgroup, killCgroup } from './cgroup.ts'

const usable = process.geteuid?.() === 0 && findCgroup2(readFileSync('/proc/self/mountinfo', 'utf8')) !== undefined

describe.skipIf(!usable)('a cgroup (needs root and cgroup2)', () => {
  const group = `weft-t${process.pid}-cgroup`
  afterAll(() => killCgroup(group))

  it('may be removed by several at once, and while somebody joins it', async () => {
    for (let round = 0; round < 5; round++) {
      const sleepers = ['a', 'b', 'b/c'].map((name) => {
        createCgroup(`${group}/${name}`)
        const sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' })
        joinCgroup(`${group}/${name}`, sleeper.pid ?? 0)
        return once(sleeper, 'exit')
      })
      const late = spawn('sleep', ['1000'], { stdio: 'ignore' })
      const ends = [group, `${group}/b`, group, `${group}/b/c`, `${group}/a`, group].map((path) => killCgroup(path))
      try {
        joinCgroup(`${group}/a`, late.pid ?? 0)
      } catch {
        late.kill('SIGKILL')
      }
      await Promise.all(ends)
      expect(existsSync(join(cgroupRoot(), group))).toBe(false)
      for (const ended of sleepers) expect(await ended).toEqual([null, 'SIGKILL'])
    }
  })
})
