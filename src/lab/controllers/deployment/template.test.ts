import { describe, expect, it } from 'vitest'
import type { PodTemplate } from '../kinds.ts'
import { sameTemplate, templateHash } from './template.ts'

const template = (image: string, labels: Record<string, string> = { app: 'web' }): PodTemplate => ({
  metadata: { labels },
  spec: { containers: [{ name: 'main', image } as never] },
})

describe('pod templates', () => {
  it('are the same with the hash label and in another order of fields', () => {
    const other: PodTemplate = {
      spec: { containers: [{ image: 'app:1', name: 'main' } as never] },
      metadata: { labels: { 'pod-template-hash': 'x', app: 'web' } },
    }
    expect(sameTemplate(template('app:1'), other)).toBe(true)
    expect(templateHash(template('app:1'), 0)).toBe(templateHash(other, 0))
  })

  it('differ by content, their hashes also by collisions', () => {
    expect(sameTemplate(template('app:1'), template('app:2'))).toBe(false)
    const hashes = [
      templateHash(template('app:1'), 0),
      templateHash(template('app:2'), 0),
      templateHash(template('app:1'), 1),
    ]
    expect(new Set(hashes).size).toBe(3)
    for (const hash of hashes) expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
  })

  it('keep their hash over versions of this code', () => {
    expect(templateHash(template('app:1'), 0)).toMatchInlineSnapshot(`"7c89647b54"`)
  })
})
