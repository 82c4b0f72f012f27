/**
 * Paths of members that a JSON text names twice in one object, e.g. `metadata.name`; JSON.parse keeps the last of them silently. The text has
 * been parsed before: nothing here looks for errors.
 */
export function duplicateKeys(text: string): string[] {
  const found: string[] = []
  const open: Level[] = []
  for (const match of text.matchAll(tokens)) {
    const [token] = match
    const level = open.at(-1)
    if (token === '{' || token === '[')
      open.push({ isList: token === '[', keys: new Set(), path: pathOf(level), index: 0 })
    else if (token === '}' || token === ']') open.pop()
    else if (token === ',') {
      if (level?.isList === true) level.index++
    } else if (token.endsWith(':') && level !== undefined) addKey(level, token, found)
  }
  return found
}

interface Level {
  isList: boolean
  keys: Set<string>
  /** Where the object or list is. */
  path: string
  /** The last key; of a list, the position. */
  key?: string
  index: number
}

/** A key with its colon, a string (skipped, whatever is in it), or a mark. */
const tokens = /"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}[\],]/g

function addKey(level: Level, token: string, found: string[]): void {
  const key = JSON.parse(token.slice(0, -1)) as string
  level.key = key
  const path = level.path === '' ? key : `${level.path}.${key}`
  if (level.keys.has(key) && !found.includes(path)) found.push(path)
  level.keys.add(key)
}

function pathOf(level: Level | undefined): string {
  if (level === undefined) return ''
  if (level.isList) return `${level.path}[${level.index}]`
  return level.path === '' ? (level.key ?? '') : `${level.path}.${level.key}`
}
