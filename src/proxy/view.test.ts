import { describe, expect, it } from 'vitest'
import { decodeNode } from './view.ts'

describe('decodeNode', () => {
  it('has the internal address first, in whatever order the cloud wrote them', () => {
    const addresses = [
      { type: 'Hostname', address: 'n1' },
      { type: 'ExternalIP', address: '203.0.113.7' },
      { type: 'InternalIP', address: '172.30.0.11' },
    ] as const
    const { value } = decodeNode({ metadata: { name: 'n1' }, status: { addresses: [...addresses] } })
    expect(value.addresses).toEqual(['172.30.0.11', '203.0.113.7'])
  })
})
