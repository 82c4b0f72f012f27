import { afterEach, expect, it, vi } from 'vitest'
import { ConfigError, objectMissing } from './config-error.ts'
import { Patience } from './patience.ts'
import type { Pod } from './pod.ts'

afterEach(() => void vi.useRealTimers())

const pod = (image: string): Pod => ({
  metadata: { name: 'p', namespace: 'shop', uid: 'u' },
  spec: { containers: [{ name: 'c', image }] },
})

it('ends for a Secret alone, and only where nothing runs a program', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const cases = [
    [pod('nginx'), objectMissing('secret', 's'), true],
    [pod('nginx'), objectMissing('configmap', 'm'), false],
    [pod('host'), objectMissing('secret', 's'), false],
    [pod('nginx'), new ConfigError('other'), false],
  ] as const
  for (const [pod, error, over] of cases) {
    const patience = new Patience()
    expect(patience.isOver(pod, error)).toBe(false)
    vi.advanceTimersByTime(10_000)
    expect(patience.isOver(pod, error)).toBe(over)
  }
})
