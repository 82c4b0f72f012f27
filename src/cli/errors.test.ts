import { describe, expect, it } from 'vitest'
import { WeftError } from '../model/error.ts'
import { exitCodeOf, formatError } from './errors.ts'

const eperm = Object.assign(new Error('setns: EPERM'), { code: 'EPERM' })
const weft = (details: Partial<ConstructorParameters<typeof WeftError>[1]> = {}): WeftError =>
  new WeftError('cannot enter the namespace', { code: 'NETNS', fault: 'kernel', ...details })

describe('formatError', () => {
  it('says what, where, why in one line, and what to do', () => {
    const cause = new Error('outer\n  reason', { cause: new Error('inner') })
    expect(formatError(weft({ where: '/run/netns/x', remedy: 'run as root', cause }))).toBe(
      'weft: cannot enter the namespace (/run/netns/x)\nwhy: outer reason: inner\nremedy: run as root',
    )
  })

  it('leaves out what is not known', () => {
    expect(formatError(weft())).toBe('weft: cannot enter the namespace')
  })

  it("takes the innermost cause's remedy where the error has none", () => {
    const cause = weft({ remedy: 'load the module' })
    expect(formatError(weft({ cause }))).toMatch(/\nremedy: load the module$/)
  })

  it('calls a foreign error a fault of weft', () => {
    expect(formatError(new TypeError('x is undefined'))).toMatch(/^weft: x is undefined\nremedy: .*--debug$/)
  })

  it('ends at a chain of causes that loops', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect(formatError(error)).toContain('why: b\n')
  })

  it('shows stacks with debug only', () => {
    expect(formatError(weft())).not.toContain('errors.test.ts')
    expect(formatError(weft(), true)).toContain('errors.test.ts')
  })
})

describe('exitCodeOf', () => {
  it.each([
    ['its own', weft({ exitCode: 4 }), 4],
    ['user', weft({ fault: 'user' }), 2],
    ['kernel', weft(), 1],
    ['cancelled', weft({ fault: 'cancelled' }), 130],
    ['no permission', weft({ cause: eperm }), 5],
    ['a timeout', AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError'), 124],
    ['an abort', new DOMException('stopped', 'AbortError'), 130],
    ['anything else', new Error('x'), 1],
    ['not even an error', 'x', 1],
  ])('%s', (_, error, expected) => {
    expect(exitCodeOf(error)).toBe(expected)
  })
})
