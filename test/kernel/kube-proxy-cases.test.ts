import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kubeProxyCases, otherModes } from './kube-proxy-cases.ts'

const root = new URL('../../', import.meta.url)

describe('the cases of kube-proxy', () => {
  it('are all told: each by its tests, or by the reason that there are none', () => {
    const told = kubeProxyCases.map(({ number }) => number)
    expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b))
    const all = Array.from({ length: 60 }, (_, index) => index + 1)
    expect(all.filter((number) => !told.includes(number) && !otherModes.has(number))).toEqual([])
    expect(kubeProxyCases.filter(({ tests, why }) => tests.length === 0 && why === undefined)).toEqual([])
  })

  it.each(kubeProxyCases)('$number $what', ({ tests }) => {
    for (const [file, title] of tests) {
      const source = readFileSync(new URL(file, root), 'utf8')
      expect(title).not.toBe('')
      expect(source.includes(title), `${file}: "${title}"`).toBe(true)
    }
  })
})
