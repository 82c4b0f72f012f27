import { defineConfig } from 'vitest/config'

// Forks, not threads: setns and uv_poll act on the process's main thread (docs/development.md).
export default defineConfig({
  test: {
    pool: 'forks',
    // One less by default, which is one on two cores.
    maxWorkers: '100%',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: ['default'],
  },
})
