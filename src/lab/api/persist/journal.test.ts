import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../../test/eventually.ts'
import { heldBy } from '../hooks/service-allocation.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject, NewObject } from '../types.ts'
import { logFile, snapshotFile, stateFiles } from './files.ts'
import { Journal, versionGap } from './journal.ts'

let root: string
let folders = 0
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'weft-journal-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))
const newFolder = (): string => join(root, String(folders++))

interface Opened {
  store: MemoryStore
  journal: Journal
  errors: unknown[]
}

function open(dir: string, compactBytes?: number): Opened {
  const store = new MemoryStore()
  const errors: unknown[] = []
  const journal = new Journal(dir, {
    onError: (error) => errors.push(error),
    encode: (resource, object) => store.jsonOf(resource, object),
    ...(compactBytes === undefined ? {} : { compactBytes }),
  })
  const saved = journal.takeSaved()
  if (saved !== undefined) store.restore(saved)
  store.subscribe((event) => journal.append(event))
  journal.compactFrom(() => store.contents())
  return { store, journal, errors }
}

type Operation =
  | { type: 'namespace' | 'map' | 'service' | 'change' | 'remove'; name: number; other: number }
  | { type: 'clear'; name: number; other: number }

const operation = fc.record({
  type: fc.constantFrom<Operation['type']>('namespace', 'map', 'service', 'service', 'change', 'remove', 'clear'),
  name: fc.nat(6),
  other: fc.nat(3),
})

const metadata = ({ name, other }: Operation) => ({
  name: `o${name}`,
  namespace: `n${other}`,
  labels: { parity: name % 2 === 0 ? 'even' : 'odd' },
})

/** Does one thing, or nothing if it cannot be done. */
function perform(store: MemoryStore, { type, name, other }: Operation): void {
  const meta = metadata({ type, name, other })
  const map: NewObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta, data: { text: 'ä\n"{' } }
  try {
    if (type === 'namespace')
      store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${other}` } })
    else if (type === 'map') {
      const owner = store.get('services', `n${other}`, 'o0')
      const { apiVersion = '', kind = '' } = owner ?? {}
      const ownerReferences = owner === undefined ? [] : [{ apiVersion, kind, name: 'o0', uid: owner.metadata.uid }]
      store.create('configmaps', { ...map, metadata: { ...meta, ownerReferences } })
    } else if (type === 'service')
      store.create('services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: meta,
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      })
    else if (type === 'change') {
      const old = store.get('configmaps', meta.namespace, meta.name)
      if (old !== undefined)
        store.update('configmaps', { ...old, data: { times: String(Number(old['data'].times ?? 0) + 1) } })
    } else if (type === 'remove') store.remove('services', meta.namespace, meta.name)
    else store.remove('namespaces', undefined, meta.namespace)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'WeftError') throw error
  }
}

/** The files as a kill would leave them. */
function copyOf(dir: string): string {
  for (;;) {
    const copy = newFolder()
    try {
      cpSync(dir, copy, { recursive: true })
      return copy
    } catch (error) {
      // A snapshot was renamed between the listing and the copy: a view that no restart has.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** What must be the same after a restart. */
const picture = (store: MemoryStore): KubeObject[] => store.contents().map(({ object }) => object)

/** Indexes and allocations are those that the objects make. */
function expectConsistent(store: MemoryStore, everHeld: ReadonlySet<string>): void {
  for (const value of ['even', 'odd'])
    expect(store.listLabelled('configmaps', 'parity', value)).toEqual(
      store.list('configmaps').filter((object) => object.metadata.labels?.['parity'] === value),
    )
  for (const object of picture(store)) expect(store.byUid(object.metadata.uid)).toBe(object)
  const held = new Set(store.list('services').flatMap((service) => heldBy(service).addresses))
  for (const address of everHeld) expect(store.allocations.addressError(address) !== undefined).toBe(held.has(address))
  for (const service of store.list('services'))
    for (const port of heldBy(service).ports) expect(store.allocations.portError(port)).toContain('already allocated')
}

describe('what is saved', () => {
  it('is, after a cut at any byte, a prefix of what was committed, operation by operation', async () => {
    const cut = fc.double({ min: 0, max: 1, noNaN: true })
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), cut, async (operations, where) => {
        const dir = newFolder()
        const { store, journal } = open(dir)
        const file = logFile(dir, 1)
        const begun = statSync(file).size
        const states = [{ size: begun, picture: picture(store) }]
        const everHeld = new Set<string>()
        for (const one of operations) {
          perform(store, one)
          journal.flush()
          states.push({ size: statSync(file).size, picture: picture(store) })
          for (const service of store.list('services')) for (const a of heldBy(service).addresses) everHeld.add(a)
        }
        const version = Number(store.resourceVersion)
        await journal.close()
        const { size } = statSync(file)
        const at = begun + Math.round((size - begun) * where)
        truncateSync(file, at)
        const again = open(dir)
        expect(picture(again.store)).toEqual(states.findLast((state) => state.size <= at)?.picture)
        expect(Number(again.store.resourceVersion)).toBeGreaterThan(version)
        expectConsistent(again.store, everHeld)
        await again.journal.close()
        rmSync(dir, { recursive: true })
      }),
      { numRuns: 60 },
    )
  })

  it('is whole at any moment, also while snapshots are written and old files go', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(operation, fc.nat(3)), { maxLength: 30 }), async (operations) => {
        const dir = newFolder()
        const { store, journal, errors } = open(dir, 1024)
        for (const [one, turns] of operations) {
          perform(store, one)
          journal.flush()
          for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
          const copy = copyOf(dir)
          const found = open(copy)
          expect(picture(found.store)).toEqual(picture(store))
          await found.journal.close()
          rmSync(copy, { recursive: true })
        }
        await journal.close()
        expect(errors).toEqual([])
        const again = open(dir)
        expect(picture(again.store)).toEqual(picture(store))
        await again.journal.close()
        rmSync(dir, { recursive: true })
      }),
      { numRuns: 15 },
    )
  })

  it('takes no more room than it needs: old logs and snapshots are removed', async () => {
    const dir = newFolder()
    const { store, journal } = open(dir, 4096)
    perform(store, { type: 'namespace', name: 0, other: 0 })
    perform(store, { type: 'map', name: 0, other: 0 })
    for (let i = 0; i < 300; i++) {
      perform(store, { type: 'change', name: 0, other: 0 })
      journal.flush()
      if (i % 50 !== 49) continue
      // The next snapshot is begun when the old files are gone.
      await eventually(() => {
        const { logs, snapshots } = stateFiles(dir)
        expect(logs).toEqual(snapshots)
      })
    }
    await journal.close()
    const { logs, snapshots } = stateFiles(dir)
    expect(snapshots).toHaveLength(1)
    expect(logs).toEqual(snapshots)
    expect(logs[0]).toBeGreaterThan(2)
    const again = open(dir)
    expect(again.store.get('configmaps', 'n0', 'o0')?.['data'].times).toBe('300')
    await again.journal.close()
  })

  it('is on the way to the disk before the turn of the loop ends', async () => {
    const dir = newFolder()
    const { store, journal } = open(dir)
    perform(store, { type: 'namespace', name: 0, other: 2 })
    await new Promise((resolve) => process.nextTick(resolve))
    expect(readFileSync(logFile(dir, 1), 'utf8')).toContain('"name":"n2"')
    await journal.close()
  })
})

describe.skipIf(process.geteuid?.() !== 0)('a disk that is full (needs root: mounts a tmpfs)', () => {
  it('is an error as long as it is, and costs nothing', async () => {
    const disk = newFolder()
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      const dir = join(disk, 'state')
      const filler = join(disk, 'filler')
      writeFileSync(filler, Buffer.alloc(40_000))
      const { store, journal } = open(dir)
      perform(store, { type: 'namespace', name: 0, other: 0 })
      let failed = 0
      for (let i = 0; i < 60; i++) {
        perform(store, { type: i === 0 ? 'map' : 'change', name: 0, other: 0 })
        try {
          journal.flush()
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' })
          failed++
        }
      }
      expect(failed).toBeGreaterThan(0)
      // As it is now: a prefix, with the record that did not fit cut off.
      const copy = newFolder()
      cpSync(dir, copy, { recursive: true })
      const prefix = open(copy)
      expect(Number(prefix.store.get('configmaps', 'n0', 'o0')?.['data'].times)).toBeLessThan(59)
      await prefix.journal.close()
      rmSync(filler)
      journal.flush()
      await journal.close()
      const again = open(dir)
      expect(picture(again.store)).toEqual(picture(store))
      await again.journal.close()
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('versions', () => {
  it('are never given out twice, whatever was lost with the power', async () => {
    const dir = newFolder()
    const versions: number[] = []
    for (let life = 0; life < 3; life++) {
      const { store, journal } = open(dir)
      versions.push(Number(store.resourceVersion))
      await journal.close()
    }
    expect(versions).toEqual([0, versionGap, 2 * versionGap])
  })
})

describe('damage', () => {
  it('in a snapshot is an error that names the file, and nothing is served', async () => {
    const dir = newFolder()
    const { store, journal } = open(dir, 1)
    perform(store, { type: 'namespace', name: 0, other: 0 })
    journal.flush()
    await journal.close()
    const [number = 0] = stateFiles(dir).snapshots
    appendFileSync(snapshotFile(dir, number), 'x')
    expect(() => open(dir)).toThrow(
      expect.objectContaining({ code: 'API_STATE_DAMAGED', where: snapshotFile(dir, number) }),
    )
  })
})
