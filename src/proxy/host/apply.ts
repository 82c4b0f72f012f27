import { spawnSync } from 'node:child_process'
import { isNotFound, isPermission } from '../../kernel/errors.ts'
import { type NetworkNamespace, runIn } from '../../kernel/network-namespace.ts'
import { foreignWrites } from '../../kernel/nftables/ruleset.ts'
import { listSysctls, readSysctl, writeSysctl } from '../../kernel/sysctl.ts'
import type { Change, FoundItem, ItemFailure, Prepared, Target } from '../../reconcile/types.ts'
import { type FoundChain, insertAccepts, readFirewalls, removeAccepts } from './firewall.ts'
import { forwardKind, sysctlKind } from './plan.ts'

/** Settings that exist once this module is loaded. */
const modules: readonly (readonly [prefix: string, module: string])[] = [['net/bridge/', 'br_netfilter']]

export interface HostTargetOptions {
  /** Settings to look at, with the values they should have. */
  sysctls: () => ReadonlyMap<string, string>
  /** Called with every foreign chain on the forward hook, when they have been read. */
  onChains: (chains: readonly FoundChain[]) => void
  namespace?: NetworkNamespace
}

/** The host: settings that are not taken back, and rules of ours in chains of others. Each change is made on its own. */
export class HostTarget implements Target {
  readonly transactional = false
  readonly #options: HostTargetOptions
  readonly #triedModules = new Set<string>()
  #chains: readonly FoundChain[] = []
  #foreignWrites = -1
  /** What each setting was when it was read or written last; undefined where there was none. */
  readonly #seen = new Map<string, string | undefined>()

  constructor(options: HostTargetOptions) {
    this.#options = options
  }

  async prepare(): Promise<Prepared> {
    this.look()
    return 'kept'
  }

  /** Reads the firewalls; writes nothing. */
  look(): void {
    const { namespace, onChains } = this.#options
    this.#foreignWrites = foreignWrites(namespace)
    this.#chains = readFirewalls(namespace)
    onChains(this.#chains)
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    const items: FoundItem[] = []
    for (const key of this.#options.sysctls().keys()) {
      const value = this.#valueOf(key)
      this.#seen.set(key, value)
      if (value !== undefined) items.push({ kind: sysctlKind, key, value })
    }
    for (const { id, accepts } of this.#chains) {
      if (accepts.length > 0) items.push({ kind: forwardKind, key: id, value: accepts.toSorted().join(' ') })
    }
    yield items
  }

  apply(changes: readonly Change[]): ItemFailure[] {
    return changes.flatMap((change) => {
      try {
        if (change.item.kind === sysctlKind) this.#applySysctl(change)
        else this.#applyForward(change)
        return []
      } catch (error) {
        return [{ change, message: messageOf(change, error) }]
      }
    })
  }

  async finish(): Promise<void> {}

  /** The ruleset was written to by others, or a setting is no longer what it was, be that right or wrong. A few µs a setting. */
  touchedByOthers(): boolean {
    const { namespace, sysctls } = this.#options
    if (foreignWrites(namespace) !== this.#foreignWrites) return true
    return runIn(namespace, () =>
      [...sysctls()].some(([key, wanted]) => {
        const value = this.#valueOf(key, true)
        return value !== undefined && value !== (this.#seen.has(key) ? this.#seen.get(key) : wanted)
      }),
    )
  }

  /** A setting is never taken back: others may have come to need it, and its former value says nothing of what is right now. */
  #applySysctl({ op, item: { key, value } }: Change): void {
    if (op === 'delete') return
    const { namespace } = this.#options
    if (key === 'net/ipv6/conf/all/forwarding') keepRouterAdvertisements(namespace)
    try {
      writeSysctl(namespace, key, value)
    } catch (error) {
      if (!isNotFound(error) || !this.#loadModule(key)) throw error
      writeSysctl(namespace, key, value)
    }
    this.#seen.set(key, value)
  }

  #applyForward({ op, item: { key, value } }: Change): void {
    const { namespace } = this.#options
    // Whatever is left of an earlier set of rules goes first; so adding again does no harm.
    if (this.#chains.some(({ id }) => id === key)) removeAccepts(key, namespace)
    if (op === 'add') insertAccepts(key, value, namespace)
  }

  #loadModule(key: string): boolean {
    const module = modules.find(([prefix]) => key.startsWith(prefix))?.[1]
    if (module === undefined || this.#triedModules.has(module)) return false
    this.#triedModules.add(module)
    return spawnSync('modprobe', [module], { timeout: 10_000 }).status === 0
  }

  #valueOf(key: string, inside = false): string | undefined {
    try {
      return readSysctl(inside ? undefined : this.#options.namespace, key)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}

/**
 * A host that forwards takes no notice of router advertisements unless told so (accept_ra 2), and its default route would end with its lifetime: the machine would be cut
 * off by what was to serve its pods (ip-sysctl: accept_ra).
 */
function keepRouterAdvertisements(ns: NetworkNamespace | undefined): void {
  if (readSysctl(ns, 'net/ipv6/conf/all/forwarding') === '1') return
  for (const name of listSysctls(ns, 'net/ipv6/conf')) {
    const key = `net/ipv6/conf/${name}/accept_ra`
    if (readSysctl(ns, key) === '1') writeSysctl(ns, key, 2)
  }
}

function messageOf({ item: { kind, key, value } }: Change, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error)
  return `${why}; ${remedyOf(kind, key, value, error)}`
}

function remedyOf(kind: string, key: string, value: string, error: unknown): string {
  if (kind === sysctlKind) {
    const module = isNotFound(error) ? modules.find(([prefix]) => key.startsWith(prefix))?.[1] : undefined
    const set = `set it on the host: sysctl -w ${key}=${value}`
    return module === undefined ? set : `load the kernel module (modprobe ${module}) and ${set}`
  }
  return isPermission(error)
    ? `the table of ${key} belongs to another program: let that one accept the cluster's traffic (firewalld: firewall-cmd --permanent --zone=trusted --add-source=CIDR)`
    : `accept forwarded traffic from and to the cluster's CIDRs in ${key}`
}
