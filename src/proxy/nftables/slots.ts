/**
 * Which slot each endpoint of a list has. Endpoints keep their slots; a newcomer takes a freed one, and only holes that
 * remain are filled from the end, so that the slots 0…n-1 are always filled and one change touches one or two of them.
 */
export function assignSlots(wanted: readonly string[], previous: ReadonlyMap<string, number>): Map<string, number> {
  const count = wanted.length
  const taken = new Array<boolean>(count).fill(false)
  const slots = new Map<string, number>()
  const homeless: string[] = []
  for (const endpoint of wanted) {
    const slot = previous.get(endpoint)
    if (slot === undefined || slot >= count || taken[slot]) {
      homeless.push(endpoint)
    } else {
      taken[slot] = true
      slots.set(endpoint, slot)
    }
  }
  let hole = 0
  for (const endpoint of homeless) {
    while (taken[hole]) hole++
    slots.set(endpoint, hole++)
  }
  return slots
}
