import { describe, expect, it } from 'vitest'
import { parseFieldSelector } from './field-selectors.ts'
import type { Kind } from './kind.ts'
import { KindRegistry } from './registry.ts'

const registry = new KindRegistry()
const kindOf = (resource: string): Kind => registry.storedKind(resource) as Kind

const pod = { metadata: { name: 'p', namespace: 'a' }, spec: { nodeName: 'n1' }, status: { phase: 'Running' } }

const selects = (text: string): boolean =>
  parseFieldSelector(kindOf('pods'), text).every((requirement) => requirement(pod))

describe('a field selector', () => {
  it.each([
    ['', true],
    ['metadata.name=p', true],
    ['metadata.name==p,spec.nodeName!=n2', true],
    ['metadata.namespace=b', false],
    ['spec.nodeName=', false],
    ['status.phase!=Running', false],
    ['status.podIP=', true],
  ])('%s', (text, expected) => {
    expect(selects(text)).toBe(expected)
  })

  it.each([
    ['pods', 'spec.image=x', 'field label not supported: spec.image'],
    ['pods', 'nonsense', "invalid selector: 'nonsense'; can't understand 'nonsense'"],
    ['jobs', 'status.failed=1', 'field label "status.failed" not supported for batchv1.Job'],
    ['configmaps', 'data.a=1', '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"'],
  ])('of %s with %s is refused', (resource, text, words) => {
    expect(() => parseFieldSelector(kindOf(resource), text)).toThrow(words)
  })

  it('knows how many pods of a Job have succeeded', () => {
    const [requirement] = parseFieldSelector(kindOf('jobs'), 'status.successful=1')
    expect(requirement?.({ status: { succeeded: 1 } })).toBe(true)
    expect(requirement?.({})).toBe(false)
  })
})
