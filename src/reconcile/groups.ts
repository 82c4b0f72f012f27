import type { Entries, Entry } from './entries.ts'
import type { SubjectState, Subjects } from './subjects.ts'
import type { Turn } from './turn.ts'
import type { Change } from './types.ts'

/** Differences that belong together: those of one subject, and of subjects that pass a key from one to another. */
export interface Group {
  subjects: SubjectState[]
  entries: Entry[]
  /** What of it was acknowledged in this run, if the part derives effects from it. */
  acknowledged: Change[]
  /** Why something of it was refused in this run; what is left of it waits for the retry. */
  failure: string | undefined
}

/** Puts the differing entries of some subjects into groups; whoever exchanges a key with them comes along. */
export async function groupsOf(
  from: Iterable<SubjectState>,
  entries: Entries,
  subjects: Subjects,
  turn: Turn,
): Promise<Group[]> {
  const groups = new Set<Group>()
  const open: SubjectState[] = []
  const mark = entries.stamp()

  const enter = (state: SubjectState): Group => {
    if (state.group !== undefined) return state.group
    const mine = (state.dirty ?? []).filter((entry) => {
      if (entry.dirtyBy !== state || entry.mark === mark) return false
      entry.mark = mark
      return true
    })
    state.dirty = mine
    const group: Group = { subjects: [state], entries: mine.slice(), acknowledged: [], failure: undefined }
    state.group = group
    groups.add(group)
    open.push(state)
    return group
  }
  const join = (a: Group, b: Group): Group => {
    if (a === b) return a
    const [into, other] = a.entries.length >= b.entries.length ? [a, b] : [b, a]
    for (const entry of other.entries) into.entries.push(entry)
    for (const state of other.subjects) {
      state.group = into
      into.subjects.push(state)
    }
    groups.delete(other)
    return into
  }
  const exchanges = (state: SubjectState): void => {
    let group = state.group as Group
    for (const entry of state.dirty ?? []) {
      const had = entry.haveOwner
      if (had === undefined || had === state.subject) continue
      const other = subjects.get(had)
      if (other !== undefined) group = join(group, enter(other))
    }
    for (const { dirtyBy } of state.leaving ?? []) {
      if (dirtyBy !== undefined && dirtyBy !== state) group = join(group, enter(dirtyBy))
    }
  }

  for (const state of from) {
    if (state.dirtyCount > 0) enter(state)
    for (let one = open.pop(); one !== undefined; one = open.pop()) exchanges(one)
    if (turn.over) await turn.next()
  }
  return [...groups]
}

/** After the groups were written or put back. */
export function dissolve(groups: Iterable<Group>): void {
  for (const { subjects } of groups) for (const state of subjects) state.group = undefined
}
