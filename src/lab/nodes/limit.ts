/** Runs at most `width` pieces of work at a time, in the order given. */
export function limiter(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < width) running++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // The place passes on without becoming free, or a newcomer could slip in between.
      if (next) next()
      else running--
    }
  }
}
