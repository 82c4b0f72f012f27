import { defineConfig } from 'vitest/config'

// Forks, not threads: setns and uv_poll act on the process's main thread.
export default defineConfig({
  test: {
    pool: 'forks',
    // One less by default, which is one on two cores.
    maxWorkers: '100%',
    setupFiles: ['test/set-up.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Ends what hangs, and judges nothing: a loaded machine stops for seconds.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 100_000, interval: 20 } },
    reporters: ['default'],
  },
})
