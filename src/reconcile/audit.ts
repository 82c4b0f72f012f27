import type { Core } from './core.ts'
import { type Entry, entryId, seen, written } from './entries.ts'
import type { SubjectState } from './subjects.ts'
import type { FoundItem } from './types.ts'

const breatheEvery = 20_000

/**
 * Compares what is there with what was acknowledged, and marks what differs. What was written while this reads is left to the next audit:
 * which of the two came first cannot be told. A new epoch meanwhile ends it, for what was read may be older. Returns how many items differed.
 */
export async function audit(core: Core, serial: number): Promise<number> {
  const { entries, epochs, metrics, contests, log } = core
  metrics.counters.audits++
  const epoch = epochs.serial
  const drift: string[] = []
  entries.keepIdle(true)
  try {
    for await (const entry of differing(core, serial)) {
      drift.push(entryId(entry))
    }
    if (epochs.serial !== epoch) core.suspect = true
  } finally {
    entries.keepIdle(false)
    contests.audited()
  }
  if (drift.length === 0) return 0
  metrics.counters.drift += drift.length
  log('warn', 'what is there differs from what was written; repairing', { items: drift.length, first: drift[0] })
  return drift.length
}

async function* differing(core: Core, serial: number): AsyncGenerator<Entry> {
  const { target, entries, epochs } = core
  const epoch = epochs.serial
  for await (const piece of target.read()) {
    if (epochs.serial !== epoch) return
    for (const found of piece) {
      const entry = entries.at(found)
      if (entry.audited === written(serial)) continue
      entry.audited = seen(serial)
      if (entry.have?.value === found.value) continue
      correct(core, entry, found)
      yield entry
    }
  }
  let count = 0
  for (const entry of entries.all()) {
    if (++count % breatheEvery === 0) await new Promise((resolve) => setImmediate(resolve))
    if (epochs.serial !== epoch) return
    if (entry.have === undefined || entry.audited >= seen(serial)) continue
    correct(core, entry, undefined)
    yield entry
  }
}

function correct(core: Core, entry: Entry, found: FoundItem | undefined): void {
  const { entries, settling, commits } = core
  const { have, want } = entry
  if (have !== undefined && have.value !== want?.value) entries.giveUp(have, entry.haveOwner)
  entries.setHave(entry, found, entry.kind.spec.shared ? undefined : found?.subject)
  const writer = entry.dirtyBy ?? repairerOf(core, entry, found)
  settling.add(writer)
  commits.changed(writer.subject)
  commits.changedFor(entry)
  entries.refresh(entry, writer)
}

/** Who repairs: whoever it belongs to, at once; or nobody but the entry itself, later, where others keep taking it back. */
function repairerOf(core: Core, entry: Entry, found: FoundItem | undefined): SubjectState {
  const { subjects, contests, metrics } = core
  // Others have put it right themselves.
  const waitMs = found?.value === entry.want?.value ? 0 : contests.found(entry, found)
  if (waitMs === 0) return subjects.writerOf(entry)
  const apart = subjects.apartOf(entry)
  contests.hold(apart, waitMs)
  metrics.counters.repairsPutOff++
  return apart
}
