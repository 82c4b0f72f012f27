/** How long a loop may go on before others run, in milliseconds. */
const turnMs = 4

/** For loops over all there is: `if (turn.over) await turn.next()` lets others run every few milliseconds. A loop that is done sooner waits for nobody. */
export class Turn {
  #startMs = performance.now()

  get over(): boolean {
    return performance.now() - this.#startMs >= turnMs
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#startMs = performance.now()
  }
}
