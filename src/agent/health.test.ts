import { beforeEach, describe, expect, it } from 'vitest'
import type { Parts } from '../daemon/parts.ts'
import type { PartHealth } from '../daemon/progress.ts'
import { AgentHealth } from './health.ts'
import { nodeEligibility } from './node-eligibility.ts'

let health: PartHealth[]
let node: ReturnType<typeof nodeEligibility>
let agent: AgentHealth

const tell = (over: object): void => {
  const decoded = node.decode({ metadata: { name: 'n1' }, ...over })
  if (decoded !== undefined) node.store.set(decoded.key, decoded.value)
}

beforeEach(() => {
  health = [
    { part: 'fabric/host-gw', healthy: true, updatedMs: 5000, queuedMs: 1 },
    { part: 'proxy/nftables', healthy: true, updatedMs: 4000, queuedMs: 1 },
  ]
  node = nodeEligibility('n1')
  const running = [{ part: {} }, { part: { proxyFamily: 'IPv4' } }]
  agent = new AgentHealth({ health: () => health, running } as unknown as Parts, node.isEligible)
})

describe('/healthz', () => {
  it('says what kube-proxy says', () => {
    const { status, type, body } = agent.healthz()
    expect({ status, type }).toEqual({ status: 200, type: 'application/json' })
    const { currentTime } = JSON.parse(body)
    expect(currentTime).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(JSON.parse(body)).toEqual({
      lastUpdated: currentTime,
      currentTime,
      nodeEligible: true,
      healthy: true,
      status: { IPv4: { lastUpdated: '1970-01-01T00:00:04.000Z', healthy: true } },
      parts: {
        'fabric/host-gw': { lastUpdated: '1970-01-01T00:00:05.000Z', healthy: true },
        'proxy/nftables': { lastUpdated: '1970-01-01T00:00:04.000Z', healthy: true },
      },
    })
  })

  it('is 503 when a part does not keep up', () => {
    health = health.map((part) => ({ ...part, healthy: part.part === 'fabric/host-gw', updatedMs: undefined }))
    const { status, body } = agent.healthz()
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({
      lastUpdated: '0001-01-01T00:00:00Z',
      healthy: false,
      status: { IPv4: { healthy: false } },
    })
    expect(agent.livez().status).toBe(503)
    expect(agent.isLive).toBe(false)
  })

  it.each([
    ['is being deleted', { metadata: { name: 'n1', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
    ['is to be removed', { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } }],
  ])('is 503 when the node %s; /livez is not', (_, over) => {
    tell(over)
    expect(agent.healthz().status).toBe(503)
    expect(JSON.parse(agent.healthz().body)).toMatchObject({ nodeEligible: false, healthy: false })
    expect(agent.livez().status).toBe(200)
    expect(JSON.parse(agent.livez().body)).not.toHaveProperty('nodeEligible')
    tell({ spec: { taints: [{ key: 'other', effect: 'NoSchedule' }] } })
    expect(agent.healthz().status).toBe(200)
  })

  it('is 503 when the Node is gone, and not before it has registered', () => {
    expect(agent.healthz().status).toBe(200)
    tell({})
    expect(agent.healthz().status).toBe(200)
    node.store.delete('n1')
    expect(agent.healthz().status).toBe(503)
  })

  it('counts its answers', () => {
    agent.healthz()
    tell({ metadata: { name: 'n1', deletionTimestamp: 'x' } })
    agent.healthz()
    agent.healthz()
    agent.livez()
    const samples = agent
      .metrics()
      .map(({ name, samples }) => [name, samples.map(({ labels, value }) => [labels, value])])
    expect(samples).toEqual([
      [
        'kubeproxy_proxy_healthz_total',
        [
          [{ code: '200' }, 1],
          [{ code: '503' }, 2],
        ],
      ],
      ['kubeproxy_proxy_livez_total', [[{ code: '200' }, 1]]],
    ])
  })
})
