import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { schemaOf } from './apply/schema.ts'
import { decode } from './decode.ts'
import { canonicalQuantity, quantityError, quantityOf } from './quantities.ts'

describe('a quantity is written in one way', () => {
  it.each([
    ['0', '0'],
    ['0.0', '0'],
    ['-0', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['007', '7'],
    ['.5', '500m'],
    ['0.5', '500m'],
    ['1.', '1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['0.1', '100m'],
    ['100', '100'],
    ['110', '110'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1000k', '1M'],
    ['-1.25', '-1250m'],
    ['1Ki', '1Ki'],
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['1.1Ki', '1126400m'],
    ['-2048Ki', '-2Mi'],
    ['9Ei', '9223372036854775807'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['10e2', '1e3'],
    ['12e-1', '1200e-3'],
    ['1e2', '100'],
    ['1000E', '1e21'],
    ['1e400', '10e399'],
    ['0.0000000001', '1n'],
    ['1e-4000', '1e-9'],
    ['-1e-4000', '-1e-9'],
  ])('%s: %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical)
    expect(canonicalQuantity(canonical)).toBe(canonical)
  })

  it('whatever it is, and stays what it was', () => {
    const suffix = fc.constantFrom('', 'n', 'm', 'k', 'M', 'E', 'Ki', 'Mi', 'Ti', 'e3', 'E-2', 'e+7')
    const number = fc.oneof(
      fc.integer(),
      fc.nat(2048),
      fc.integer({ min: -99_999, max: 99_999 }).map((n) => n / 1000),
    )
    fc.assert(
      fc.property(number, suffix, (n, end) => {
        const text = `${n}${end}`
        const canonical = canonicalQuantity(text)
        expect(canonicalQuantity(canonical)).toBe(canonical)
        const [before, after] = [quantityOf(text) ?? Number.NaN, quantityOf(canonical) ?? Number.NaN]
        // Finer than nano it is rounded; larger than 2⁶³ it is cut.
        if (Math.abs(before) > 1e-3 && Math.abs(before) < 2 ** 62) expect(after / before).toBeCloseTo(1, 5)
      }),
    )
  })

  it('in an object that is decoded, and is text there', () => {
    const schema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })
    if (schema === undefined) throw new Error('no schema of Pod')
    const limits = { cpu: 0.5, memory: '1024Mi', 'example.com/x': 1000 }
    const pod = { spec: { containers: [{ resources: { limits } }], volumes: [{ emptyDir: { sizeLimit: '2048Ki' } }] } }
    decode(pod, schema)
    expect(pod.spec).toEqual({
      containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi', 'example.com/x': '1k' } } }],
      volumes: [{ emptyDir: { sizeLimit: '2Mi' } }],
    })
  })
})

describe('what is no quantity', () => {
  it.each(['', 'lots', '1.2.3', '1Xi', '1 Gi', '1Gi1x', '1e3e'])('%j does not look like one', (text) => {
    expect(quantityError(text)).toContain('quantities must match the regular expression')
    expect([quantityOf(text), canonicalQuantity(text)]).toEqual([undefined, text])
  })

  it.each(['1mm', '1iK', '1e', '1K', '1Gi1', '--1'])('%j has a suffix that there is not', (text) => {
    expect(quantityError(text)).toBe("unable to parse quantity's suffix")
    expect([quantityOf(text), canonicalQuantity(text)]).toEqual([undefined, text])
  })

  it.each([[{ toString: null }], [[1]], [null], [undefined], [true], [() => 1]])('%j is none', (value) => {
    expect(quantityOf(value)).toBeUndefined()
  })
})
