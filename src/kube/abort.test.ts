import { describe, expect, it } from 'vitest'
import { unlessAborted, untilAborted } from './abort.ts'

const aborted = (): AbortSignal => AbortSignal.abort()

describe('untilAborted', () => {
  it('resolves for a signal that has aborted already', async () => {
    await expect(untilAborted(aborted())).resolves.toBeUndefined()
  })

  it('resolves when the signal aborts, and not before', async () => {
    const stop = new AbortController()
    let done = false
    const waiting = untilAborted(stop.signal).then(() => (done = true))
    await Promise.resolve()
    expect(done).toBe(false)
    stop.abort()
    expect(await waiting).toBe(true)
  })
})

describe('unlessAborted', () => {
  it('gives up on what never ends, for a signal that has aborted already', async () => {
    await expect(unlessAborted(new Promise(() => {}), aborted())).rejects.toMatchObject({ code: 'API_CANCELLED' })
  })
})
