import { readFileSync } from 'node:fs'

/** The kernel's IPv4 neighbour table, which all network namespaces of a machine share (arp(7)). */
export interface NeighbourTable {
  /** gc_thresh3: entries that it holds at most, permanent ones aside. 0 where it cannot be read (only the first namespace can). */
  limit: number
  /** How often an entry was refused because it was full, since boot. */
  fulls: number
}

export function neighbourTable(): NeighbourTable {
  return {
    limit: Number(read('/proc/sys/net/ipv4/neigh/default/gc_thresh3')) || 0,
    fulls: tableFulls(read('/proc/net/stat/arp_cache')),
  }
}

/** Sum over the processors of the column table_fulls, in hexadecimal (net/core/neighbour.c, neigh_stat_seq_show). */
export function tableFulls(text: string): number {
  const [header = '', ...rows] = text.trim().split('\n')
  const column = header.split(/\s+/).indexOf('table_fulls')
  if (column < 0) return 0
  return rows.reduce((sum, row) => sum + (Number.parseInt(row.split(/\s+/)[column] ?? '', 16) || 0), 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
