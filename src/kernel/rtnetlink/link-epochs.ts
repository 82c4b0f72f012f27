import type { NetworkEvent } from './monitor.ts'
import type { Link } from './types.ts'

interface Seen {
  index: number
  up: boolean
  carrier: boolean
  epoch: number
}

/**
 * Counts, for each name, how often the link has become another one: switched on or off, carrier come or gone, deleted and made again. What hangs on a link
 * (routes above all) may have gone with any of these without a word.
 */
export class LinkEpochs {
  readonly #links = new Map<string, Seen>()
  readonly #names = new Map<number, string>()
  /** One count for all: a later link of a name has a higher one than any before it, and nobody has to remember those that are gone (pods come and go for months). */
  #last = 0

  /** Grows with each change; 0 for a link that is not there. */
  of(name: string): number {
    return this.#links.get(name)?.epoch ?? 0
  }

  /** What a dump shows; links that are not in it are gone. Returns the names that have changed. */
  replaceAll(links: readonly Link[]): string[] {
    const there = new Set(links.map(({ name }) => name))
    const gone = [...this.#links.keys()].filter((name) => !there.has(name))
    for (const name of gone) this.#end(name)
    return [...gone, ...links.flatMap((link) => this.#note(link))]
  }

  /** In the order that they came: a link that was down for a moment only is seen here alone. Returns the names that have changed. */
  observe(events: readonly NetworkEvent[]): string[] {
    const changed = new Set<string>()
    for (const event of events) {
      if (event.object !== 'link') continue
      const { index, name } = event.value
      const before = this.#names.get(index)
      if (before !== undefined && before !== name) changed.add(this.#end(before))
      if (event.op === 'delete') changed.add(this.#end(name))
      else for (const one of this.#note(event.value)) changed.add(one)
    }
    return [...changed]
  }

  #note({ name, index, up, carrier }: Link): string[] {
    const seen = this.#links.get(name)
    this.#names.set(index, name)
    if (seen?.index === index && seen.up === up && seen.carrier === carrier) return []
    this.#links.set(name, { index, up, carrier, epoch: ++this.#last })
    return [name]
  }

  #end(name: string): string {
    const seen = this.#links.get(name)
    if (seen !== undefined) this.#names.delete(seen.index)
    this.#links.delete(name)
    return name
  }
}
