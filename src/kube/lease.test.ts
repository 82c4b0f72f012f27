import { beforeEach, describe, expect, it } from 'vitest'
import { ApiError, cancelledError, networkError } from './errors.ts'
import { type LeaderElectionOptions, type Lease, type LeaseTimers, runLeaderElection } from './lease.ts'
import { ManualTimers, settle } from './manual-timers.fixture.ts'

let timers: ManualTimers
/** What the API holds. */
let stored: Lease | undefined
let version: number
let candidates: Candidate[]

beforeEach(() => {
  timers = new ManualTimers()
  stored = undefined
  version = 0
  candidates = []
})

const failed = (status: number, reason: string): ApiError =>
  new ApiError(status, { reason, message: reason }, { method: 'PUT', url: 'x' })

/** A candidate with its own way to the API, which can be cut. */
class Candidate {
  leading = false
  ends: string[] = []
  leaders: string[] = []
  errors: unknown[] = []
  network: 'up' | 'down' | 'silent' = 'up'
  readonly stop = new AbortController()
  running: Promise<void> | undefined
  readonly #identity: string

  constructor(identity: string) {
    this.#identity = identity
    candidates.push(this)
  }

  start(more: Partial<LeaderElectionOptions> = {}, clock: LeaseTimers = timers): this {
    const options: LeaderElectionOptions = {
      client: this.#client() as LeaderElectionOptions['client'],
      namespace: 'kube-system',
      name: 'weft',
      identity: this.#identity,
      onStartedLeading: () => void (this.leading = true),
      onStoppedLeading: () => void (this.leading = false),
      onNewLeader: (leader) => void this.leaders.push(leader),
      onError: (error) => void this.errors.push(error),
      timers: clock,
      ...more,
    }
    this.running = runLeaderElection(options, this.stop.signal).then(
      (end) => void this.ends.push(end),
      (error: unknown) => void this.ends.push(String(error)),
    )
    return this
  }

  /** As a process that is killed: nothing is heard of it any more, and nothing is given back. */
  crash(): void {
    this.network = 'silent'
  }

  #client(): object {
    return {
      get: (_path: string, _query: unknown, { signal }: { signal: AbortSignal }) => this.#call(signal, read),
      create: (_path: string, lease: Lease, { signal }: { signal: AbortSignal }) =>
        this.#call(signal, () => write(lease, undefined)),
      replace: (_path: string, lease: Lease, { signal }: { signal: AbortSignal }) =>
        this.#call(signal, () => write(lease, lease.metadata.resourceVersion)),
    }
  }

  async #call(signal: AbortSignal, work: () => Lease): Promise<Lease> {
    await Promise.resolve()
    if (this.network === 'down') throw networkError(new Error('refused'), 'https://api')
    if (this.network === 'silent')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(cancelledError(signal.reason))))
    return work()
  }
}

function read(): Lease {
  if (!stored) throw failed(404, 'NotFound')
  return structuredClone(stored)
}

function write(lease: Lease, expected: string | undefined): Lease {
  if (expected === undefined && stored) throw failed(409, 'AlreadyExists')
  if (expected !== undefined && stored?.metadata.resourceVersion !== expected) throw failed(409, 'Conflict')
  stored = structuredClone({ ...lease, metadata: { ...lease.metadata, resourceVersion: String(++version) } })
  return structuredClone(stored)
}

const leaders = (): number => candidates.filter(({ leading }) => leading).length

/** Moves time on in small steps; at no moment may there be two leaders. */
async function pass(seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 4; step++) {
    await timers.advance(250)
    expect(leaders()).toBeLessThanOrEqual(1)
  }
}

describe('leader election', () => {
  it('lets the first lead, and the second wait for as long as the first renews', async () => {
    const first = new Candidate('a').start()
    await settle()
    const second = new Candidate('b').start()
    await pass(120)
    expect([first.leading, second.leading]).toEqual([true, false])
    expect(stored?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 })
    expect(stored?.spec?.acquireTime).toBe('2023-11-14T22:13:20.000000Z')
    expect(stored?.spec?.renewTime).toBe('2023-11-14T22:15:20.000000Z')
    expect([first.leaders, second.leaders]).toEqual([['a'], ['a']])
  })

  it('passes to the other within a lease and two periods of a crash', async () => {
    const first = new Candidate('a').start()
    await settle()
    const second = new Candidate('b').start()
    await pass(30)
    first.crash()
    await pass(14)
    expect(second.leading).toBe(false)
    await pass(6)
    expect([first.leading, second.leading]).toEqual([false, true])
    expect(stored?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
    expect(second.leaders).toEqual(['a', 'b'])
  })

  it.each([
    ['down', 'API_UNREACHABLE'],
    ['silent', 'API_TIMEOUT'],
  ] as const)(
    'stops leading before anybody else may start, with an API that is %s, and says so',
    async (network, code) => {
      const first = new Candidate('a').start()
      await settle()
      const second = new Candidate('b').start()
      await pass(9)
      first.network = network
      await pass(10)
      expect([first.leading, first.ends]).toEqual([false, ['lost']])
      await pass(10)
      expect(second.leading).toBe(true)
      expect(first.errors[0]).toMatchObject({ code })
    },
  )

  it('leads on through an outage that leaves time for another try', async () => {
    const first = new Candidate('a').start()
    await pass(9)
    first.network = 'down'
    await pass(6)
    first.network = 'up'
    await pass(30)
    expect([first.leading, first.ends]).toEqual([true, []])
    expect(stored?.spec?.leaseTransitions).toBe(0)
  })

  it('never has two leaders when the API is away for both', async () => {
    const both = [new Candidate('a').start(), new Candidate('b').start()]
    await pass(10)
    for (const one of both) one.network = 'down'
    await pass(60)
    expect(leaders()).toBe(0)
    for (const one of both) one.network = 'up'
    await pass(10)
    expect(leaders()).toBe(1)
  })

  it.each([3_600_000, -3_600_000])('does not care that the other clock is off by %i ms', async (skew) => {
    const first = new Candidate('a').start({}, timers.skewed(skew))
    await settle()
    const second = new Candidate('b').start()
    await pass(60)
    expect([first.leading, second.leading]).toEqual([true, false])
    first.crash()
    await pass(20)
    expect([first.leading, second.leading]).toEqual([false, true])
  })

  it('gives the lease back after a cancellation, when the work is done', async () => {
    let finish = (): void => undefined
    const first = new Candidate('a').start({
      onStartedLeading: () => new Promise<void>((resolve) => (finish = resolve)),
    })
    await settle()
    const second = new Candidate('b').start()
    await pass(5)
    first.stop.abort()
    await pass(3)
    expect(stored?.spec?.holderIdentity).toBe('a')
    finish()
    await settle()
    expect(stored?.spec).toMatchObject({ leaseDurationSeconds: 1, leaseTransitions: 0 })
    expect(stored?.spec).not.toHaveProperty('holderIdentity')
    await pass(3)
    expect(second.leading).toBe(true)
    expect(stored?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 15 })
    expect(first.ends).toEqual(['cancelled'])
  })

  it('leaves the lease to run out if the work does not end', async () => {
    const first = new Candidate('a').start({ onStartedLeading: () => new Promise<void>(() => undefined) })
    await pass(5)
    first.stop.abort()
    await pass(11)
    expect([first.ends, stored?.spec?.holderIdentity]).toEqual([['cancelled'], 'a'])
  })

  it('tells the work to stop, and throws what it throws', async () => {
    let seen: AbortSignal | undefined
    const first = new Candidate('a').start({
      onStartedLeading: async (signal) => {
        seen = signal
        await timers.sleep(5_000, signal)
        throw new Error('broken')
      },
    })
    await pass(6)
    expect([first.ends, seen?.aborted]).toEqual([['Error: broken'], true])
    expect(stored?.spec).not.toHaveProperty('holderIdentity')
  })

  it('stops as soon as another holds the lease', async () => {
    const first = new Candidate('a').start()
    await pass(5)
    write({ ...read(), spec: { ...read().spec, holderIdentity: 'admin' } }, read().metadata.resourceVersion)
    await pass(3)
    expect(first.ends).toEqual(['lost'])
    expect(stored?.spec?.holderIdentity).toBe('admin')
  })

  it('takes a race for the first lease for what it is', async () => {
    const all = ['a', 'b', 'c'].map((identity) => new Candidate(identity).start())
    await pass(10)
    expect([leaders(), all.flatMap(({ errors }) => errors)]).toEqual([1, []])
  })

  it('ends without having led', async () => {
    new Candidate('a').start()
    await settle()
    const second = new Candidate('b').start()
    await pass(5)
    second.stop.abort()
    await settle()
    expect(second.ends).toEqual(['cancelled'])
  })

  it('makes the lease again when it was deleted', async () => {
    const first = new Candidate('a').start()
    await pass(5)
    stored = undefined
    await pass(5)
    expect([first.leading, (stored as Lease | undefined)?.spec?.holderIdentity]).toEqual([true, 'a'])
  })

  it.each([{ leaseDurationSeconds: 10 }, { renewDeadlineSeconds: 2 }, { retryPeriodSeconds: 0 }])(
    'refuses times that cannot work: %j',
    (times) => {
      const start = (): unknown =>
        runLeaderElection(times as unknown as LeaderElectionOptions, new AbortController().signal)
      expect(start).toThrow(expect.objectContaining({ code: 'LEASE_TIMES_INVALID' }))
    },
  )
})
