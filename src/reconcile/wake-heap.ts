interface Sleeper<T> {
  readonly who: T
  atMs: number
  index: number
}

/** Who is to be woken when: the next one at the cost of a look, a change at the logarithm of how many sleep. */
export class WakeHeap<T> {
  readonly #heap: Sleeper<T>[] = []
  readonly #sleepers = new Map<T, Sleeper<T>>()

  get size(): number {
    return this.#heap.length
  }

  /** When the next one is due, in milliseconds since the epoch. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  has(who: T): boolean {
    return this.#sleepers.has(who)
  }

  /** Sets, moves or (undefined) cancels the time. */
  set(who: T, atMs: number | undefined): void {
    const known = this.#sleepers.get(who)
    if (atMs === undefined) {
      if (known !== undefined) this.#delete(known)
      return
    }
    const sleeper = known ?? { who, atMs, index: this.#heap.length }
    if (known === undefined) {
      this.#sleepers.set(who, sleeper)
      this.#heap.push(sleeper)
    }
    sleeper.atMs = atMs
    this.#down(this.#up(sleeper))
  }

  /** Removes and yields those whose time has come, earliest first. */
  *due(nowMs: number): Generator<T> {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#delete(first)
      yield first.who
    }
  }

  /** Removes all, and says who they were, in no order. */
  clear(): T[] {
    this.#sleepers.clear()
    return this.#heap.splice(0).map(({ who }) => who)
  }

  #delete(sleeper: Sleeper<T>): void {
    this.#sleepers.delete(sleeper.who)
    const last = this.#heap.pop() as Sleeper<T>
    if (last === sleeper) return
    this.#put(last, sleeper.index)
    this.#down(this.#up(last))
  }

  #up(sleeper: Sleeper<T>): Sleeper<T> {
    for (let parent = this.#at((sleeper.index - 1) >> 1); sleeper.index > 0 && sleeper.atMs < parent.atMs; ) {
      this.#swap(sleeper, parent)
      parent = this.#at((sleeper.index - 1) >> 1)
    }
    return sleeper
  }

  #down(sleeper: Sleeper<T>): void {
    for (;;) {
      const left = this.#heap[2 * sleeper.index + 1]
      const right = this.#heap[2 * sleeper.index + 2]
      const child = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left
      if (child === undefined || child.atMs >= sleeper.atMs) return
      this.#swap(sleeper, child)
    }
  }

  #swap(a: Sleeper<T>, b: Sleeper<T>): void {
    const at = a.index
    this.#put(a, b.index)
    this.#put(b, at)
  }

  #put(sleeper: Sleeper<T>, index: number): void {
    sleeper.index = index
    this.#heap[index] = sleeper
  }

  #at(index: number): Sleeper<T> {
    return this.#heap[Math.max(0, index)] as Sleeper<T>
  }
}
