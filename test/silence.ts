const turnMs = 25

/**
 * Calls `then` when so much time has passed, in turns of this process's loop: where a loaded machine lets the process stand still, what came for it meanwhile is read
 * first. By the clock alone an answer that is there counts as none. Returns what stops it.
 */
export function afterSilence(ms: number, then: () => void): () => void {
  let turns = Math.ceil(ms / turnMs)
  const timer = setInterval(() => {
    if (--turns > 0) return
    clearInterval(timer)
    then()
  }, turnMs)
  return () => clearInterval(timer)
}
