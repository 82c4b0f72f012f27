import type { Wanted } from './wanted.ts'
import { type Change, type Item, type KindSpec, type Subject } from './types.ts'

/** What was last acknowledged under one id. */
export interface Committed {
  item: Item
  subject?: Subject
}

/** Changes that must go in one transaction: those of one subject, and of subjects that pass a key from one to another. */
export interface Group {
  subjects: Subject[]
  ids: string[]
}

/** Groups dirty ids by the subject that touched them; a key that passes between subjects joins their groups. */
export function groupBySubject(
  dirty: ReadonlyMap<string, Subject>,
  wanted: (id: string) => Wanted | undefined,
  committed: ReadonlyMap<string, Committed>,
): Group[] {
  const groupOf = new Map<Subject, Group>()
  const groups = new Set<Group>()
  const find = (subject: Subject): Group => {
    let group = groupOf.get(subject)
    if (group === undefined) {
      group = { subjects: [subject], ids: [] }
      groupOf.set(subject, group)
      groups.add(group)
    }
    return group
  }
  const join = (a: Group, b: Group): Group => {
    if (a === b) return a
    const [into, from] = a.ids.length >= b.ids.length ? [a, b] : [b, a]
    into.ids.push(...from.ids)
    for (const subject of from.subjects) groupOf.set(subject, into)
    into.subjects.push(...from.subjects)
    groups.delete(from)
    return into
  }
  for (const [id, touchedBy] of dirty) {
    let group = find(touchedBy)
    const now = wanted(id)?.subject
    const before = committed.get(id)?.subject
    if (now !== undefined && now !== touchedBy) group = join(group, find(now))
    if (before !== undefined && before !== touchedBy) group = join(group, find(before))
    group.ids.push(id)
  }
  return [...groups]
}

/** The changes of some ids in the order of stages: removals from the last stage to the first, then additions from the first to the last. */
export function changesOf(
  ids: Iterable<string>,
  wanted: (id: string) => Wanted | undefined,
  committed: ReadonlyMap<string, Committed>,
  kinds: Readonly<Record<string, KindSpec>>,
): Change[] {
  const removals: Change[] = []
  const additions: Change[] = []
  for (const id of ids) {
    const want = wanted(id)
    const have = committed.get(id)
    if (want !== undefined && have !== undefined && want.item.value === have.item.value) continue
    if (have !== undefined) removals.push(change('delete', have))
    if (want !== undefined) additions.push(change('add', want))
  }
  const stage = (one: Change): number => kinds[one.item.kind]?.stage ?? 0
  removals.sort((a, b) => stage(b) - stage(a))
  additions.sort((a, b) => stage(a) - stage(b))
  return removals.concat(additions)
}

const change = (op: 'add' | 'delete', { item, subject }: Committed): Change =>
  subject === undefined ? { op, item } : { op, item, subject }
