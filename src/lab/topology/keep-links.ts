import { ipBatch } from '../../kernel/ip.ts'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import { type NetworkEvent, NetworkMonitor } from '../../kernel/rtnetlink/monitor.ts'
import { errorText, type Log } from '../log.ts'
import type { LinkSetup } from './links.ts'

/**
 * What a network manager does on a real machine: a link of a node, router or client that is switched on again gets back what Linux forgot with it. What somebody takes from a
 * link that stays on is let be.
 */
export class LinkKeeper {
  readonly #setups: LinkSetup[]
  readonly #log: Log
  readonly #namespaces = new Map<string, Watched>()

  /** @throws KernelError where a namespace is missing */
  constructor(setups: readonly LinkSetup[], log: Log) {
    this.#setups = [...setups]
    this.#log = log
    for (const netns of new Set(setups.map(({ netns }) => netns)))
      this.#namespaces.set(netns, new Watched(netns, (link) => void this.#setUp(netns, link)))
  }

  /** Something more that a link is to have, e.g. routes that were not known before. */
  add(setup: LinkSetup): void {
    this.#setups.push(setup)
  }

  close(): void {
    for (const watched of this.#namespaces.values()) watched.close()
    this.#namespaces.clear()
  }

  async #setUp(netns: string, link: string): Promise<void> {
    const lines = this.#setups.flatMap((setup) => (setup.netns === netns && setup.link === link ? setup.lines : []))
    if (lines.length === 0) return
    try {
      await ipBatch(lines, { netns })
      this.#log('link set up again', { netns, link })
    } catch (error) {
      // Switched off once more, or the lab is being removed.
      this.#log('link not set up again', { netns, link, error: errorText(error) })
    }
  }
}

/** The links of one namespace, and which of them are on. */
class Watched {
  readonly #namespace: NetworkNamespace
  readonly #monitor: NetworkMonitor
  readonly #onUp: (link: string) => void
  #up: Set<string>

  constructor(netns: string, onUp: (link: string) => void) {
    this.#namespace = NetworkNamespace.named(netns)
    this.#onUp = onUp
    this.#up = new Set()
    try {
      this.#monitor = new NetworkMonitor({
        namespace: this.#namespace,
        watch: ['links'],
        onEvents: (events) => this.#follow(events),
        // Any of them may have been off and on again.
        onLost: () => {
          this.#up = this.#linksUp()
          for (const link of this.#up) onUp(link)
        },
      })
      this.#up = this.#linksUp()
    } catch (error) {
      this.#namespace.close()
      throw error
    }
  }

  close(): void {
    this.#monitor.close()
    this.#namespace.close()
  }

  #linksUp(): Set<string> {
    const links = new KernelRouteNetlink(this.#namespace).links()
    return new Set(links.flatMap(({ name, up }) => (up ? name : [])))
  }

  #follow(events: readonly NetworkEvent[]): void {
    for (const { object, op, value } of events) {
      if (object !== 'link') continue
      const { name, up } = value
      const isUp = op === 'new' && up
      if (isUp && !this.#up.has(name)) this.#onUp(name)
      if (isUp) this.#up.add(name)
      else this.#up.delete(name)
    }
  }
}
