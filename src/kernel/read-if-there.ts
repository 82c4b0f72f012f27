import { readdirSync, readFileSync } from 'node:fs'

/** Names in a directory; none where it cannot be read: what /proc shows may be gone, or somebody else's, a moment later. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Text of a file; empty where it cannot be read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
