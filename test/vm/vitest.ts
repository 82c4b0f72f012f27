/**
 * What the tests import as `vitest` when they run in the VM: Vitest's own runner and matchers without its server, transformer and workers, which take a minute to
 * start under emulation. Only what the tests there use is here; anything else is a missing export when they are bundled.
 */
import {
  addCustomEqualityTesters,
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  getState,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'
import { getCurrentTest } from '@vitest/runner'

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from '@vitest/runner'

interface Waiting {
  interval?: number
  timeout?: number
}

type Matchers = Record<string, (...args: unknown[]) => unknown> & { not: Matchers }

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

const globals = globalThis as unknown as Record<symbol, object>

function expectOf(value: unknown, message?: string): Matchers {
  const assertion = chai.expect(value, message) as unknown as Matchers & { withTest(test: unknown): Matchers }
  const current = getCurrentTest()
  return current === undefined ? assertion : assertion.withTest(current)
}

export const expect = Object.assign(expectOf, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT as symbol], {
  getState: () => getState(expect as never),
  extend: (matchers: object) =>
    (chai.expect as unknown as { extend(on: unknown, what: object): void }).extend(expect, matchers),
  addEqualityTesters: addCustomEqualityTesters,
  poll: (read: () => unknown, options?: Waiting) => pollOf(read, options, false),
})
globals[GLOBAL_EXPECT as symbol] = expect
setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect as never)
expect.extend(customMatchers)

/** `expect.poll(read).toBe(1)`: asked until the matcher is content. */
function pollOf(read: () => unknown, options: Waiting | undefined, negated: boolean): Matchers {
  return new Proxy({} as Matchers, {
    get(_, name: string) {
      if (name === 'not') return pollOf(read, options, !negated)
      return (...args: unknown[]) =>
        waitFor(async () => {
          const assertion = expectOf(await read())
          await (negated ? assertion.not : assertion)[name]?.(...args)
        }, options)
    },
  })
}

async function waitFor<T>(attempt: () => T | Promise<T>, options: Waiting | number = {}): Promise<T> {
  const { interval = 50, timeout = 100_000 } = typeof options === 'number' ? { timeout: options } : options
  const until = performance.now() + timeout
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, interval))
  }
}

export const vi = { waitFor }
