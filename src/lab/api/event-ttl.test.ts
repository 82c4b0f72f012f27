import { expect, it } from 'vitest'
import { dropOldEvents } from './event-ttl.ts'
import { MemoryStore } from './store.ts'

it('an Event goes an hour after the last write to it', () => {
  let now = new Date('2026-01-01T12:00:00Z')
  const store = new MemoryStore({ now: () => now })
  const later = (minutes: number): void => {
    now = new Date(now.getTime() + minutes * 60_000)
    dropOldEvents(store, now)
  }
  const names = (): string[] => store.list('events').map(({ metadata }) => metadata.name)
  const metadata = { namespace: 'default' }
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  for (const name of ['once', 'again']) {
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' }
    store.create('events', { apiVersion: 'v1', kind: 'Event', metadata: { ...metadata, name }, involvedObject })
  }
  later(50)
  const again = store.get('events', 'default', 'again')
  if (again === undefined) throw new Error('it went too early')
  store.update('events', { ...again, count: 2 })
  later(10)
  expect(names()).toEqual(['again', 'once'])
  later(1)
  expect(names()).toEqual(['again'])
  later(50)
  expect(names()).toEqual([])
})
