import type { Core } from './core.ts'
import type { Entry } from './entries.ts'

/** Which containers lost their items, in the order in which they did. */
export class Epochs {
  /** Rises with every loss. */
  serial = 0
  #all = 0
  readonly #named = new Map<string, number>()

  /** @param containers all if undefined */
  record(containers: readonly string[] | undefined): void {
    this.serial++
    if (containers === undefined) this.#all = this.serial
    else for (const container of containers) this.#named.set(container, this.serial)
  }

  /** Whether the entry's container was lost after that serial. */
  lostSince(serial: number, entry: Entry): boolean {
    if (this.serial === serial) return false
    if (this.#all > serial) return true
    const container = containerOf(entry)
    return container !== undefined && (this.#named.get(container) ?? 0) > serial
  }
}

/** What these containers (all, if undefined) held counts as absent from now on. Returns how many items that were. */
export function loseItems(
  { entries, epochs, subjects, settling, commits }: Core,
  containers?: readonly string[],
): number {
  const before = epochs.serial
  epochs.record(containers)
  let items = 0
  for (const entry of entries.all()) {
    if (entry.have === undefined || !epochs.lostSince(before, entry)) continue
    items++
    const writer = entry.dirtyBy ?? subjects.writerOf(entry)
    settling.add(writer)
    commits.changed(writer.subject)
    commits.changedFor(entry)
    entries.setHave(entry, undefined, undefined)
    entries.refresh(entry, writer)
    entries.forgetIfIdle(entry)
  }
  return items
}

function containerOf({ kind, have, want }: Entry): string | undefined {
  const { container } = kind.spec
  const item = have ?? want
  return typeof container === 'function' ? item && container(item) : container
}
