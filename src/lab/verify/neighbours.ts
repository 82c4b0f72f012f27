import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What the kernel counts of one neighbour table, over all network namespaces of the machine (arp(7), net/core/neighbour.c). */
export interface NeighbourCounts {
  /** Entries that it holds. */
  entries: number
  /** Entries made since boot. */
  made: number
}

/** Sums of the columns `entries` (the same in each row) and `allocs` of /proc/net/stat/arp_cache or ndisc_cache; hexadecimal. */
export function neighbourCounts(text: string): NeighbourCounts {
  const [header = '', ...rows] = text.trim().split('\n')
  const names = header.split(/\s+/)
  const column = (row: string, name: string): number =>
    Number.parseInt(row.trim().split(/\s+/)[names.indexOf(name)] ?? '', 16) || 0
  return {
    entries: Math.max(0, ...rows.map((row) => column(row, 'entries'))),
    made: rows.reduce((sum, row) => sum + column(row, 'allocs'), 0),
  }
}

/** A full table gives up entries that are older than this only (neigh_forced_gc). */
const youngMs = 5_000
const readEveryMs = 50

interface Table {
  limit: number
  read(): NeighbourCounts
  history: { atMs: number; made: number }[]
}

/**
 * Keeps a run within the kernel's neighbour tables, which all network namespaces of a machine share: 1,024 entries a family by default
 * (gc_thresh3). Packets to a neighbour for which there is no room are lost. So traffic pauses while a table is half full and what was made
 * within the last five seconds, which the kernel cannot take back, would fill it.
 */
export class NeighbourGate {
  readonly #tables: Table[]
  readonly #now: () => number
  #openUntil = 0

  constructor(tables: readonly Omit<Table, 'history'>[] = kernelTables(), now: () => number = () => performance.now()) {
    this.#tables = tables.map((table) => ({ ...table, history: [] }))
    this.#now = now
  }

  /** Resolves once there is room. */
  async pass(): Promise<void> {
    while (!this.isOpen()) await delay(readEveryMs)
  }

  isOpen(): boolean {
    const now = this.#now()
    if (now < this.#openUntil) return true
    const open = this.#tables.every((table) => hasRoom(table, now))
    if (open) this.#openUntil = now + readEveryMs
    return open
  }
}

function hasRoom(table: Table, now: number): boolean {
  const { entries, made } = table.read()
  table.history.push({ atMs: now, made })
  while ((table.history[1]?.atMs ?? Number.POSITIVE_INFINITY) <= now - youngMs) table.history.shift()
  const young = made - (table.history[0]?.made ?? made)
  return entries < table.limit * 0.5 || young < table.limit * 0.6
}

/** Where the limits cannot be read (only the first namespace can), nothing is held back. */
function kernelTables(): Omit<Table, 'history'>[] {
  return [
    { stat: 'arp_cache', family: 'ipv4' },
    { stat: 'ndisc_cache', family: 'ipv6' },
  ].flatMap(({ stat, family }) => {
    const limit = Number(text(`/proc/sys/net/${family}/neigh/default/gc_thresh3`)) || 0
    if (limit === 0) return []
    return [{ limit, read: () => neighbourCounts(text(`/proc/net/stat/${stat}`)) }]
  })
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
