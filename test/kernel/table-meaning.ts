import type { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import type { Family } from '../../src/model/ip.ts'
import { ServiceTable } from '../../src/proxy/nftables/apply.ts'
import { interpret } from '../../src/proxy/nftables/interpret.fixture.ts'
import { setKinds } from '../../src/proxy/nftables/kinds.ts'
import { listOf } from '../../src/proxy/nftables/number.ts'
import { allSubjects, nftablesPart } from '../../src/proxy/nftables/plan.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import { FakeTarget } from '../../src/reconcile/fake-target.ts'
import { Reconciler } from '../../src/reconcile/reconciler.ts'
import { type FoundItem, itemId } from '../../src/reconcile/types.ts'
import { churnCluster } from './churn.ts'

type Items = ReadonlyMap<string, FoundItem>

/** Everything in the table that is there. */
export async function kernelItems(family: Family, namespace: NetworkNamespace): Promise<Items> {
  const table = new ServiceTable(churnCluster, family, { namespace })
  table.peek()
  const items = new Map<string, FoundItem>()
  for await (const piece of table.read()) for (const item of piece) items.set(itemId(item), item)
  table.close()
  return items
}

/** What a plan that knows of nothing before it would write. */
export async function plannedItems(view: ServiceView, family: Family): Promise<Items> {
  const owned = Object.values(setKinds[family]).flatMap((kind) => (kind.owned ? [kind.name] : []))
  const target = new FakeTarget(owned)
  await new Reconciler({ part: nftablesPart(view, family), target }).start(allSubjects(view))
  return target.items
}

const numbered = new Set(['lists', 'local_lists', 'endpoints', 'sticky_slots', 'sticky_ends', 'sticky_times'])

/** What a table does, whatever numbers and slots it has: for each address where it leads, and all that has no number as it is. */
export function meaningOf(items: Items): string[] {
  const lines: string[] = []
  const owners = ownersOf(items)
  for (const [id, { kind, value, subject, note = '' }] of items) {
    // A list may wait for an address that an older Service has.
    if (kind === 'lists' || kind === 'local_lists') lines.push(`${kind} ${subject} ${note}`)
    if (numbered.has(kind)) continue
    if (kind === 'lb_sources') {
      lines.push(sourceLine(id, owners))
      continue
    }
    if (kind !== 'services' && kind !== 'nodeports') lines.push(`${id} ${value}`)
    else {
      const ends = [interpret(items, id, 'inside'), interpret(items, id, 'outside')]
      const time = items.get(`sticky_times ${listOf(value)}`)?.value ?? ''
      lines.push(`${id} ${Number(value) >>> 29} ${subject} ${JSON.stringify(ends)} ${time}`)
    }
  }
  return lines.sort()
}

/** Whose list each number is. */
function ownersOf(items: Items): Map<number, string> {
  const owners = new Map<number, string>()
  for (const { kind, key, value, subject, note = '' } of items.values()) {
    if (kind === 'lists') owners.set(Number(key), `${subject} ${note}`)
    if (kind === 'local_lists') owners.set(listOf(value), `${subject} ${note}`)
  }
  return owners
}

/** A prefix that is let in, by whose list and length its number says. */
function sourceLine(id: string, owners: ReadonlyMap<number, string>): string {
  const [, number = '', , address = ''] = id.split(' ')
  return `lb_sources ${owners.get(listOf(number))} /${(Number(number) >>> 20) & 0xff} ${address}`
}

/** Elements that nothing leads to, and numbers that two have. */
export function faultsOf(items: Items): string[] {
  const ofKind = (...kinds: string[]): FoundItem[] => [...items.values()].filter(({ kind }) => kinds.includes(kind))
  const local = new Set(ofKind('local_lists').map(({ value }) => listOf(value)))
  const sized = new Set(ofKind('lists').map(({ key }) => Number(key)))
  const slots = new Set(ofKind('sticky_slots').map(({ value }) => value))
  const leads: Record<string, (item: FoundItem) => boolean> = {
    endpoints: ({ key }) => sized.has(Number.parseInt(key, 10)) || local.has(Number.parseInt(key, 10)),
    sticky_slots: ({ key }) => sized.has(Number.parseInt(key, 10)) || local.has(Number.parseInt(key, 10)),
    sticky_ends: ({ key }) => slots.has(key),
    sticky_times: ({ key }) => sized.has(Number(key)) || local.has(Number(key)),
  }
  const orphans = [...items].flatMap(([id, item]) => ((leads[item.kind]?.(item) ?? true) ? [] : [`orphan ${id}`]))
  const holders = new Map<number, Set<string>>()
  const holds = (list: number, who: string): void => void holders.set(list, (holders.get(list) ?? new Set()).add(who))
  for (const { kind, key, value, subject, note } of ofKind('lists', 'local_lists', 'services', 'nodeports')) {
    if (kind === 'local_lists') holds(Number(key), `${subject} cluster`)
    holds(listOf(value), `${subject} ${kind === 'local_lists' || note === 'local' ? 'local' : 'cluster'}`)
  }
  const twice = [...holders].flatMap(([list, who]) =>
    who.size > 1 ? [`number ${list}: ${[...who].join(' and ')}`] : [],
  )
  return [...orphans, ...twice]
}
