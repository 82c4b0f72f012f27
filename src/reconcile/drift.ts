import type { Committed } from './batch.ts'
import { type FoundItem, itemId, type Target } from './types.ts'

/** One item that is not as it was acknowledged; `found` is what is there instead, if anything. */
export interface Drift {
  id: string
  found?: FoundItem
}

/**
 * Compares what is there with what was acknowledged. Ids in `written` were written while this reads: which of the two came first cannot be told,
 * so they are left to the next audit.
 */
export async function* findDrift(
  target: Target,
  committed: ReadonlyMap<string, Committed>,
  written: ReadonlySet<string>,
): AsyncGenerator<Drift> {
  const seen = new Set<string>()
  for await (const piece of target.read()) {
    for (const found of piece) {
      const id = itemId(found)
      seen.add(id)
      if (!written.has(id) && committed.get(id)?.item.value !== found.value) yield { id, found }
    }
  }
  for (const id of committed.keys()) if (!seen.has(id) && !written.has(id)) yield { id }
}
