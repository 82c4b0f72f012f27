import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import type { Item, KindSpec, Part } from './types.ts'

const pollMs = 500
const hourMs = 3_600_000
const runs = Number(process.env['WEFT_PROPERTY_RUNS'] ?? 100)

/** Ten settings, ten elements of a table of ours, and settings of which there are many. */
const kinds: Readonly<Record<string, KindSpec>> = {
  setting: { stage: 0, container: 'settings', whoWrites: 'look in /etc/sysctl.d' },
  element: { stage: 0, container: 'table', ours: true },
}
const itemsOf = (subject: string): Item[] => [
  { kind: 'setting', key: subject, value: '1' },
  { kind: 'element', key: subject, value: '1' },
]
const subjects = Array.from({ length: 10 }, (_, n) => `s${n}`)

/** A reconciler as the scheduler runs it, in a time of its own, with somebody who writes too. */
class Host {
  nowMs = 1_000_000
  readonly target = new FakeTarget([], { transactional: false, containers: { setting: 'settings', element: 'table' } })
  readonly wanted = new Map(subjects.map((subject) => [subject, itemsOf(subject)]))
  readonly reconciler: Reconciler
  readonly told: (readonly string[])[] = []

  constructor(random: () => number = () => 0.5) {
    const part: Part = {
      name: 'toy',
      kinds,
      plan: (subject) => ({
        items: this.wanted.get(subject) ?? [],
        rank: { gone: !this.wanted.has(subject), createdMs: 0, name: subject },
      }),
      learn: () => [],
      ownerOf: ({ key }) => key,
    }
    this.reconciler = new Reconciler({ part, target: this.target, now: () => this.nowMs, random })
    this.reconciler.onCommit((changed) =>
      this.told.push([...changed].filter((subject) => this.reconciler.isCommitted(subject))),
    )
  }

  async start(): Promise<this> {
    await this.reconciler.start(this.wanted.keys())
    this.target.batches.length = 0
    return this
  }

  /** Lets time pass. @param other what somebody else does, each time before we look */
  async pass(ms: number, other: () => void = () => {}): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += pollMs) {
      other()
      await this.poll()
    }
  }

  async poll(): Promise<void> {
    this.reconciler.tick()
    if (this.reconciler.due) await this.reconciler.flush()
    if (this.reconciler.suspect) await this.reconciler.audit()
  }

  set(id: string, value: string | undefined): void {
    const [kind = '', key = ''] = id.split(' ')
    this.target.foreign(id, value === undefined ? undefined : { kind, key, value })
  }

  is(id: string): string | undefined {
    return this.target.items.get(id)?.value
  }

  /** How often we wrote that item, ever since the last count. */
  repairs(id: string): number {
    const all = this.target.batches.flat()
    this.target.batches.length = 0
    return all.filter(({ op, item }) => op === 'add' && `${item.kind} ${item.key}` === id).length
  }

  findings(): string[] {
    return this.reconciler.status().refusals.map(({ subject, reason, message }) => `${subject} ${reason}: ${message}`)
  }

  /** Takes the item back as soon as it has stayed for so long. Returns the share of the time that it was there. */
  async fight(id: string, stayMs: number, ms: number): Promise<number> {
    let [sinceMs, thereMs]: [number | undefined, number] = [this.nowMs, 0]
    await this.pass(ms, () => {
      if (this.is(id) !== '1') return
      sinceMs ??= this.nowMs - pollMs
      thereMs += pollMs
      if (this.nowMs - sinceMs < stayMs) return
      this.set(id, '0')
      sinceMs = undefined
    })
    return thereMs / ms
  }
}

describe('what somebody else keeps taking back', () => {
  it('is repaired at once the first times, and ever more slowly where that does not last', async () => {
    const host = await new Host().start()
    const atMs: number[] = []
    await host.pass(600_000, () => {
      if (host.is('setting s1') === '1') {
        atMs.push(host.nowMs)
        host.set('setting s1', '0')
      }
    })
    const gaps = atMs.slice(1).map((at, n) => at - (atMs[n] as number))
    expect(gaps.slice(0, 3)).toEqual([500, 500, 500])
    expect(gaps.slice(3, 10)).toEqual([1_000, 1_500, 2_000, 3_500, 6_500, 12_500, 24_500])
    expect(new Set(gaps.slice(11))).toEqual(new Set([45_500]))
    expect(host.reconciler.status()).toMatchObject({ contested: 1, pending: 1, synced: false, repairsPutOff: 20 })
  })

  it('is told: what, how it should be, how it is, how often, and what to do; not anew each time', async () => {
    const host = await new Host().start()
    const all = new Set<string>()
    await host.pass(10 * 60_000, () => {
      host.set('setting s1', '0')
      for (const finding of host.findings()) all.add(finding)
    })
    expect([...all]).toEqual([
      '@setting s1 Contested: another program keeps changing setting s1 (wanted: "1", found: "0"): 4 times in 2 s; repairs are put off by 1 s by now; look in /etc/sysctl.d',
      '@setting s1 Contested: another program keeps changing setting s1 (wanted: "1", found: "0"): 8 times in 10 s; repairs are put off by 6 s by now; look in /etc/sysctl.d',
      '@setting s1 Contested: another program keeps changing setting s1 (wanted: "1", found: "0"): 16 times in 5 min; repairs are put off by 45 s by now; look in /etc/sysctl.d',
    ])
  })

  it('does not keep others waiting, nor what a plan changes, and says what is committed meanwhile', async () => {
    const host = await new Host().start()
    await host.pass(60_000, () => host.set('setting s1', '0'))
    expect(host.is('setting s1')).toBe('0')
    expect(host.reconciler.isCommitted('s1')).toBe(false)
    expect(host.reconciler.isCommitted('s2')).toBe(true)
    host.wanted.set('s1', [
      { kind: 'setting', key: 's1', value: '0' },
      { kind: 'element', key: 's1', value: '2' },
    ])
    host.told.length = 0
    host.reconciler.touch(['s1'])
    await host.poll()
    expect(host.is('element s1')).toBe('2')
    expect(host.reconciler.isCommitted('s1')).toBe(true)
    expect(host.told.flat()).toContain('s1')
    host.wanted.set('s1', itemsOf('s1'))
    host.reconciler.touch(['s1'])
    await host.poll()
    expect(host.is('setting s1')).toBe('1')
    // Another setting that somebody touches for the first time.
    host.set('setting s2', '0')
    await host.poll()
    expect(host.is('setting s2')).toBe('1')
  })

  it('tells its subject as committed when the repair that was put off is made', async () => {
    const host = await new Host().start()
    await host.pass(20_000, () => host.set('setting s1', '0'))
    host.told.length = 0
    await host.pass(60_000)
    expect(host.is('setting s1')).toBe('1')
    expect(host.told.flat()).toContain('s1')
  })

  it('stays as others put it right', async () => {
    const host = await new Host().start()
    await host.pass(20_000, () => host.set('setting s1', '0'))
    host.repairs('setting s1')
    host.set('setting s1', '1')
    await host.poll()
    expect(host.reconciler.isCommitted('s1')).toBe(true)
    await host.pass(120_000)
    expect(host.repairs('setting s1')).toBe(0)
  })

  it('is repaired at once again after a minute of peace, and no longer told after ten', async () => {
    const host = await new Host().start()
    await host.pass(120_000, () => host.set('setting s1', '0'))
    await host.pass(150_000)
    expect(host.findings()).toHaveLength(1)
    host.set('setting s1', '0')
    await host.poll()
    expect(host.is('setting s1')).toBe('1')
    await host.pass(610_000)
    expect(host.findings()).toEqual([])
    expect(host.reconciler.status().contested).toBe(0)
  })

  it.each([
    { stayMs: 3_500, share: 0.6, most: 1_030 },
    { stayMs: 10_000, share: 0.7, most: 360 },
    { stayMs: 30_000, share: 0.75, most: 120 },
    { stayMs: 61_000, share: 0.95, most: 60 },
  ])('that stays for $stayMs ms each time is there most of the time', async ({ stayMs, share, most }) => {
    const host = await new Host().start()
    expect(await host.fight('setting s1', stayMs, hourMs)).toBeGreaterThan(share)
    const repairs = host.repairs('setting s1')
    expect(repairs).toBeLessThanOrEqual(most)
    expect(repairs).toBeGreaterThan(most / 2)
    expect(host.findings()).toHaveLength(1)
  })

  it('is written at once when its container was lost', async () => {
    const host = await new Host().start()
    await host.pass(120_000, () => host.set('setting s1', '0'))
    host.target.lose('settings')
    await host.poll()
    expect(host.is('setting s1')).toBe('1')
  })

  it('is written at once when the clock was set back', async () => {
    const host = await new Host().start()
    await host.pass(120_000, () => host.set('setting s1', '0'))
    expect(host.is('setting s1')).toBe('0')
    host.nowMs -= hourMs
    await host.poll()
    expect(host.is('setting s1')).toBe('1')
  })

  it('is never put off in a table of our own, and told once for the whole kind', async () => {
    const host = await new Host().start()
    await host.pass(120_000, () => {
      for (const subject of subjects) host.set(`element ${subject}`, undefined)
    })
    expect(host.repairs('element s1')).toBe(240)
    expect(host.findings()).toEqual([
      expect.stringMatching(
        /^@element Contested: another program keeps changing elements of element, such as s\d \(10 items the last time\): 128 times in 64 s; it is repaired at once each time; find/,
      ),
    ])
  })

  it('is never put off when containers go as a whole, and told', async () => {
    const host = await new Host().start()
    await host.pass(30_000, () => host.target.lose())
    expect(host.repairs('setting s1')).toBe(60)
    expect(host.findings()).toEqual([
      expect.stringMatching(/^@containers Contested: .*all that was written.*32 times in 16 s/),
    ])
  })

  it('is not told where a container goes by itself', async () => {
    const host = await new Host().start()
    await host.pass(30_000, () => {
      host.target.lose('settings')
      host.reconciler.raiseEpoch('the link went down', ['settings'])
    })
    expect(host.repairs('setting s1')).toBe(60)
    expect(host.findings()).toEqual([])
  })

  it('is told once for many of a kind', async () => {
    const host = await new Host().start()
    await host.pass(30_000, () => {
      for (const subject of subjects) host.set(`setting ${subject}`, '0')
    })
    expect(host.findings()).toEqual([
      expect.stringMatching(/^@setting Contested: more than 5 are contested, such as: /),
    ])
    expect(host.reconciler.status().contested).toBe(10)
  })

  it('may be something that is nobody`s', async () => {
    const host = await new Host().start()
    await host.pass(120_000, () => host.set('setting foreign', '7'))
    expect(host.repairs('setting foreign')).toBe(0)
    expect(host.findings()[0]).toContain('setting foreign (wanted: absent, found: "7")')
    await host.pass(60_000)
    expect(host.is('setting foreign')).toBeUndefined()
    expect(host.reconciler.status()).toMatchObject({ synced: true, pending: 0 })
  })

  it(
    'costs a bounded number of repairs, and is right a minute after the other one gives up, whatever that one does',
    async () => {
      const move = fc.record({
        pauseMs: fc.constantFrom(500, 500, 1_000, 2_500, 8_000, 70_000),
        value: fc.constantFrom('0', '2', '1', undefined),
        key: fc.constantFrom('s1', 's2'),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(move, { maxLength: 100, size: 'max' }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          async (moves, random) => {
            const host = await new Host(() => random).start()
            for (const { pauseMs, value, key } of moves) {
              host.set(`setting ${key}`, value)
              await host.pass(pauseMs)
            }
            await host.pass(61_000)
            expect([host.is('setting s1'), host.is('setting s2')]).toEqual(['1', '1'])
            expect(host.reconciler.status()).toMatchObject({ synced: true, pending: 0, failing: [] })
          },
        ),
        { numRuns: runs },
      )
    },
    120_000 + 300 * runs,
  )
})
