import { vi } from 'vitest'

/** Ends the wait for what never comes, and judges nothing: a loaded machine stops for seconds. Less than a test may take, so that what fails says what it waited for. */
const patienceMs = 100_000

/** What `check` returns once it throws no longer. Its time says nothing: where it matters whether something came soon, a test waits for what must come after it. */
export const eventually = <T>(check: () => T | Promise<T>, intervalMs = 20): Promise<T> =>
  vi.waitFor(check, { timeout: patienceMs, interval: intervalMs })
