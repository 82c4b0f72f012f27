import { describe, expect, it } from 'vitest'
import { agentFlags } from '../config/agent-flags.ts'
import { loadSettings } from '../config/settings.ts'
import type { ApiClient } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import { agentConfig } from './config.ts'
import { makeSources } from './sources.ts'

const nodes = ['n1', 'n2'].map((name, index) => ({
  metadata: { name, resourceVersion: '1' },
  spec: { podCIDRs: [`10.42.${index}.0/24`], taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] },
  status: { addresses: [{ type: 'InternalIP', address: `192.0.2.${index + 1}` }] },
}))

/** An API that has two Nodes and nothing else, and notes what it is asked. */
function fakeApi(): { client: ApiClient; asked: string[] } {
  const asked: string[] = []
  const client = {
    get: (path: string) => Promise.reject(new ApiError(404, {}, { method: 'GET', url: path })),
    listPages: async (path: string, _query: unknown, sink: { page(items: unknown[]): void }) => {
      asked.push(path)
      sink.page(path.endsWith('/nodes') ? nodes : [])
      return '1'
    },
    watch: async function* (_path: string, { signal }: { signal: AbortSignal }) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      yield* []
    },
  }
  return { client: client as unknown as ApiClient, asked }
}

describe('the sources of an agent', () => {
  it('list each resource once, whoever needs it', async () => {
    const { client, asked } = fakeApi()
    const stopping = new AbortController()
    const settings = await loadSettings(agentFlags, { 'flannel-backend': 'host-gw' })
    const config = agentConfig(settings, { hostname: 'n1', cores: 1 })
    const sources = makeSources(client, config, 'https://127.0.0.1:6443', () => {})
    expect(sources.isNodeEligible()).toBe(true)
    await sources.start(stopping.signal)
    expect(asked.toSorted()).toEqual(['/api/v1/nodes', '/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices'])
    expect([...sources.view.nodes.keys()]).toEqual(['n1', 'n2'])
    expect([...(sources.fabric?.nodes.values() ?? [])].map(({ podCIDRs }) => podCIDRs)).toEqual([
      ['10.42.0.0/24'],
      ['10.42.1.0/24'],
    ])
    expect(sources.isNodeEligible()).toBe(false)
    stopping.abort()
  })
})
