import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiError, networkError } from '../../kube/errors.ts'
import type { Node as ApiNode } from '../../kube/types.ts'
import { type CIDR, cidrsOverlap, parseCIDR } from '../../model/ip.ts'
import { type PodCIDRs, podCIDRs } from './index.ts'
import { decodeRangedNode, makePodCIDRView, type PodCIDRView } from './view.ts'

const cidr = (text: string): CIDR => parseCIDR(text) as CIDR
const ranges = [
  { cluster: cidr('10.42.0.0/24'), nodeMaskSize: 26 },
  { cluster: cidr('fd42::/61'), nodeMaskSize: 64 },
]
const blocks = 4

type Fault = 'none' | 'refused' | 'lost-before' | 'lost-after'

/** Nodes of an API, with its rules: a pod CIDR is given once, and a patch that names a uid reaches no other object. */
class FakeNodes {
  readonly nodes = new Map<string, ApiNode>()
  /** What became of the next patches. */
  faults: Fault[] = []
  /** Pod CIDRs that were given through patch(), by uid. */
  readonly given = new Map<string, string[]>()
  #serial = 0

  add(name: string, podCIDRs: string[] = []): void {
    const metadata = { name, uid: `uid-${++this.#serial}`, creationTimestamp: '2026-01-01T00:00:00Z' }
    this.nodes.set(name, { metadata, spec: podCIDRs.length > 0 ? { podCIDR: podCIDRs[0] as string, podCIDRs } : {} })
  }

  patch = async (path: string, body: any): Promise<any> => {
    const call = { method: 'PATCH', url: path }
    const fault = this.faults.shift() ?? 'none'
    await new Promise((resolve) => setImmediate(resolve))
    if (fault === 'lost-before') throw networkError(new Error('reset'), 'api')
    if (fault === 'refused') throw new ApiError(500, { reason: 'InternalError' }, call)
    const node = this.nodes.get(path.split('/').at(-1) as string)
    if (node === undefined) throw new ApiError(404, { reason: 'NotFound' }, call)
    if (node.metadata.uid !== body.metadata.uid) {
      const details = { causes: [{ field: 'metadata.uid', reason: 'FieldValueInvalid' }] }
      throw new ApiError(422, { reason: 'Invalid', details }, call)
    }
    const there = node.spec?.podCIDRs?.join()
    if (there !== undefined && there !== body.spec.podCIDRs.join()) {
      throw new ApiError(422, { reason: 'Invalid', message: 'node updates may not change podCIDR' }, call)
    }
    node.spec = structuredClone(body.spec)
    this.given.set(node.metadata.uid as string, body.spec.podCIDRs)
    if (fault === 'lost-after') throw networkError(new Error('reset'), 'api')
    return structuredClone(node)
  }
}

/** One term of a leader, on a clock of its own. */
class Term {
  readonly view: PodCIDRView = makePodCIDRView(ranges, [cidr('fd42:0:0:7::/64')])
  readonly part: PodCIDRs
  readonly #api: FakeNodes
  readonly #unfollow: () => void

  constructor(api: FakeNodes) {
    this.#api = api
    this.part = podCIDRs({ view: this.view, client: api, signal: new AbortController().signal })
    this.deliver()
    this.#unfollow = this.part.follow((subjects) => this.part.reconciler.touch(subjects))
  }

  /** As runPart() does it: the store says once what there is, so that it can tell what goes. */
  async start(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.part.start()
  }

  /** The watch catches up. */
  deliver(): void {
    const listed = [...this.#api.nodes.values()].map((node) => decodeRangedNode(structuredClone(node)))
    this.view.nodes.replaceAll(listed.map(({ key, value }) => [key, value] as const))
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.part.reconciler.flush()
  }

  /** What failed is tried again at once: an audit forgets the backoff of what differs. */
  async retryAll(): Promise<void> {
    this.part.reconciler.raiseEpoch('everything is tried again')
    await this.settle()
    await this.part.reconciler.audit()
    await this.settle()
  }

  end(): void {
    this.#unfollow()
    this.part.reconciler.close()
  }
}

const podCIDRsOf = (api: FakeNodes, name: string): string | undefined => api.nodes.get(name)?.spec?.podCIDRs?.join()

describe('a Node', () => {
  it('that somebody else gave a CIDR in the same moment keeps it, and ours goes to the next', async () => {
    const api = new FakeNodes()
    api.add('n1')
    const term = new Term(api)
    // Not seen yet when we write.
    const theirs = ['10.42.0.192/26', 'fd42:0:0:6::/64']
    ;(api.nodes.get('n1') as ApiNode).spec = { podCIDR: theirs[0] as string, podCIDRs: theirs }
    await term.start()
    expect(term.part.reconciler.status().failing).toMatchObject([
      { subjects: ['n1'], message: 'node updates may not change podCIDR' },
    ])
    api.add('n2')
    term.deliver()
    await term.settle()
    await term.retryAll()
    expect(podCIDRsOf(api, 'n1')).toBe(theirs.join())
    expect(podCIDRsOf(api, 'n2')).toBe('10.42.0.64/26,fd42:0:0:1::/64')
    expect(term.part.reconciler.status()).toMatchObject({ synced: true, failing: [], items: 2 })
    term.end()
  })

  it('whose answer was lost is not given another', async () => {
    const api = new FakeNodes()
    api.add('n1')
    api.faults = ['lost-after']
    const term = new Term(api)
    await term.start()
    expect(term.part.reconciler.status().failing).toHaveLength(1)
    await term.retryAll()
    expect(podCIDRsOf(api, 'n1')).toBe('10.42.0.0/26,fd42::/64')
    expect(term.part.reconciler.status()).toMatchObject({ synced: true, failing: [] })
    term.end()
  })

  it('that went, or came anew under its name, before we wrote is no failure', async () => {
    const api = new FakeNodes()
    api.add('gone')
    api.add('anew')
    const term = new Term(api)
    api.nodes.delete('gone')
    api.add('anew')
    await term.start()
    expect(term.part.reconciler.status().failing).toEqual([])
    term.deliver()
    await term.settle()
    expect(podCIDRsOf(api, 'anew')).toMatch(/^10\.42\.0\.\d+\/26,fd42:/)
    expect(term.part.reconciler.status()).toMatchObject({ synced: true, items: 1 })
    term.end()
  })

  it('that waits gets the block of one that goes', async () => {
    const api = new FakeNodes()
    for (const name of ['a', 'b', 'c', 'd', 'waiting']) api.add(name)
    const term = new Term(api)
    await term.start()
    expect(podCIDRsOf(api, 'waiting')).toBeUndefined()
    term.deliver()
    await term.settle()
    api.nodes.delete('b')
    term.deliver()
    await term.settle()
    expect(podCIDRsOf(api, 'waiting')).toBe('10.42.0.64/26,fd42:0:0:4::/64')
    expect(term.part.reconciler.status()).toMatchObject({ synced: true, refusals: [], items: 4 })
    term.end()
  })

  it('that has one of one family only keeps that, and is told of', async () => {
    const api = new FakeNodes()
    api.add('n1', ['10.42.0.0/26'])
    const term = new Term(api)
    await term.start()
    expect(api.given.size).toBe(0)
    expect(term.part.reconciler.status().refusals).toMatchObject([{ subject: 'n1', reason: 'PodCIDRFamilyMissing' }])
    term.end()
  })
})

it('a dry run says what would be written, and writes nothing', async () => {
  const api = new FakeNodes()
  api.add('old', ['10.42.0.0/26', 'fd42::/64'])
  api.add('n1')
  const term = new Term(api)
  const changes = await term.part.dryRun()
  expect(changes.map(({ op, item, subject }) => [op, subject, item.value])).toEqual([
    ['add', 'n1', '10.42.0.64/26,fd42:0:0:1::/64'],
  ])
  expect(api.given.size).toBe(0)
  term.end()
})

describe('whatever Nodes come and go, calls fail, watches lag and leaders change', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const fault = fc.constantFrom<Fault>('none', 'none', 'refused', 'lost-before', 'lost-after')
  const brought = fc.constantFrom<string[]>(['10.42.0.0/26', 'fd42::/64'], ['10.42.0.128/25'], ['fd42:0:0:2::/63'])
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('add' as const), name }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('remove' as const), name }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('bring' as const), name, brought }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('deliver' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant('write' as const), faults: fc.array(fault, { maxLength: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('next leader' as const) }) },
  )

  it('what is given never overlaps, and in the end every Node that can have one has one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const api = new FakeNodes()
        let term = new Term(api)
        await term.start()
        for (const one of steps) {
          if (one.op === 'add' && !api.nodes.has(one.name)) api.add(one.name)
          if (one.op === 'remove') api.nodes.delete(one.name)
          if (one.op === 'bring' && !api.nodes.has(one.name)) api.add(one.name, one.brought)
          if (one.op === 'deliver') term.deliver()
          if (one.op === 'write') {
            api.faults = one.faults
            await term.settle()
            api.faults = []
          }
          if (one.op === 'next leader') {
            term.end()
            term = new Term(api)
            await term.start()
          }
          expectNoOverlap(api)
        }
        for (let round = 0; round < 3; round++) {
          term.deliver()
          await term.settle()
          await term.retryAll()
        }
        expectNoOverlap(api)
        const without = [...api.nodes.values()].filter(({ spec }) => spec?.podCIDRs === undefined)
        if (without.length > 0) expect(term.view.ledger.full.length).toBeGreaterThan(0)
        for (const { metadata } of without)
          expect(term.view.ledger.assigned(metadata.name, metadata.uid as string)).toBeUndefined()
        const status = term.part.reconciler.status()
        expect(status).toMatchObject({ synced: true, failing: [], items: api.nodes.size - without.length })
        expect(status.refusals.filter(({ reason }) => reason === 'CIDRNotAvailable')).toHaveLength(without.length)
        term.end()
      }),
      { numRuns: 200 },
    )
  })

  /** Of living Nodes, those that we gave something. Others may bring what we have chosen before they are seen: that is theirs to answer for. */
  function expectNoOverlap(api: FakeNodes): void {
    const given = [...api.nodes.values()].flatMap(({ metadata }) => {
      const cidrs = api.given.get(metadata.uid as string)
      return cidrs === undefined ? [] : [cidrs]
    })
    expect(given.length).toBeLessThanOrEqual(blocks)
    const all = given.flat().map(cidr)
    for (const [i, one] of all.entries()) {
      for (const other of [...all.slice(i + 1), cidr('fd42:0:0:7::/64')]) expect(cidrsOverlap(one, other)).toBe(false)
    }
  }
})
