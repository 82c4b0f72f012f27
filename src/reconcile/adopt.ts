import type { Core } from './core.ts'
import type { FoundItem, Subject } from './types.ts'

/** Takes over what is there: items, their owners and numbers. Returns the subjects that own something. */
export async function adopt({ target, part, numbers, subjects, entries, log }: Core): Promise<Set<Subject>> {
  const found: FoundItem[] = []
  for await (const piece of target.read()) for (const item of piece) found.push(item)
  const byNumber = numbers.learn(part.learn(found), subjects)
  const owners = new Set<Subject>()
  for (const item of found) {
    const subject = item.subject ?? part.ownerOf(item, byNumber)
    const entry = entries.at(item)
    entries.setHave(entry, item, subject)
    if (entry.want !== undefined) entries.refresh(entry, subjects.writerOf(entry))
    if (subject === undefined) continue
    owners.add(subject)
    const state = subjects.at(subject)
    // Planned already (a dry run of what is running): it knows what it holds.
    if (state.planned) continue
    state.items.push(item)
    state.entries.push(entry)
  }
  if (found.length > 0) log('info', 'adopted what was there', { items: found.length, subjects: owners.size })
  return owners
}

/**
 * What was adopted and nobody wants, nor has planned away: it leaves. A subject that could not be planned keeps what it had, and as long as there is one
 * (`broken`), so does everything that names no owner: it may be that one's.
 */
export function disown({ entries, subjects, settling }: Core, broken: boolean): void {
  if (entries.have === 0) return
  for (const entry of entries.all()) {
    const { have, haveOwner, want, dirtyBy } = entry
    if (have === undefined || want !== undefined || dirtyBy !== undefined) continue
    if (broken && (haveOwner === undefined || subjects.get(haveOwner)?.planned !== true)) continue
    const writer = subjects.writerOf(entry)
    settling.add(writer)
    entries.refresh(entry, writer)
  }
}
