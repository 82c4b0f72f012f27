import { beforeEach, describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { spendDisruption } from './eviction.ts'
import { MemoryStore } from './store.ts'

let store: MemoryStore

const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }

function addPod(status: Json = running): void {
  const metadata = { name: 'p', namespace: 'default', labels: { app: 'web' } }
  const spec = { containers: [{ name: 'c', image: 'i' }] }
  const pod = store.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec })
  store.updateStatus('pods', { ...pod, status })
}

function addBudget(name: string, status: Json, spec: Json = {}): void {
  const selector = { matchLabels: { app: 'web' } }
  const metadata = { name, namespace: 'default' }
  const object = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec: { selector, ...spec } }
  const budget = store.create('poddisruptionbudgets', object)
  store.updateStatus('poddisruptionbudgets', { ...budget, status: { observedGeneration: 1, ...status } })
}

const spend = (dryRun = false): void => spendDisruption(store, 'default', 'p', dryRun)
const allowed = (): unknown => store.get('poddisruptionbudgets', 'default', 'a')?.['status'].disruptionsAllowed

beforeEach(() => {
  store = new MemoryStore({})
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
})

describe('an eviction', () => {
  it('is taken off the budget, once, and not in a dry run', () => {
    addPod()
    addBudget('a', { disruptionsAllowed: 1, desiredHealthy: 3, currentHealthy: 4 })
    spend(true)
    expect(allowed()).toBe(1)
    spend()
    expect(allowed()).toBe(0)
    expect(() => spend()).toThrow(
      expect.objectContaining({
        status: expect.objectContaining({
          code: 429,
          reason: 'TooManyRequests',
          message: "Cannot evict pod as it would violate the pod's disruption budget.",
          details: {
            causes: [
              {
                reason: 'DisruptionBudget',
                message: 'The disruption budget a needs 3 healthy pods and has 4 currently',
              },
            ],
          },
        }),
      }),
    )
  })

  it('waits for the budget to be counted', () => {
    addPod()
    addBudget('a', { observedGeneration: 0 })
    expect(() => spend()).toThrow(
      expect.objectContaining({
        status: expect.objectContaining({ details: expect.objectContaining({ retryAfterSeconds: 10 }) }),
      }),
    )
  })

  it('is refused where two budgets select the pod', () => {
    addPod()
    addBudget('a', { disruptionsAllowed: 1 })
    addBudget('b', { disruptionsAllowed: 1 })
    expect(() => spend()).toThrow('more than one PodDisruptionBudget')
  })

  it.each<[string, Json, Json, Json?]>([
    ['does not run yet', { phase: 'Pending' }, {}],
    ['is over', { phase: 'Failed' }, {}],
    ['is not ready, of a whole set', { phase: 'Running' }, { desiredHealthy: 2, currentHealthy: 2 }],
    ['is not ready, by policy', { phase: 'Running' }, {}, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }],
  ])('of a pod that %s costs nothing', (_why, podStatus, status, spec) => {
    addPod(podStatus)
    addBudget('a', { disruptionsAllowed: 0, ...status }, spec)
    expect(() => spend()).not.toThrow()
  })
})
