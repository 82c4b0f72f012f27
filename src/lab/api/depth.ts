import { badRequest } from './status.ts'

/** Objects and lists within each other, at most. Go's decoder takes 10,000; what walks them here would not, and no real object has 100. */
const maxDepth = 1000

/** @throws StatusError 400 for a value that is nested too deeply to be walked or copied. It is walked without recursion, so as not to fall itself. */
export function checkDepth<T>(value: T): T {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw badRequest('exceeded max depth')
    const next: unknown[] = []
    for (const item of level)
      if (typeof item === 'object' && item !== null)
        for (const child of Object.values(item)) if (typeof child === 'object' && child !== null) next.push(child)
    level = next
  }
  return value
}
