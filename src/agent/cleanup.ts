import { hasLegacy, removeLegacyAnchor } from '../kernel/nftables/anchor.ts'
import { anchorTable, probeTable, routeProtocols, tableNames } from '../kernel/names.ts'
import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { deleteTable, listTables } from '../kernel/nftables/ruleset.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { takeWriterLock } from '../kernel/writer-lock.ts'
import { readFirewalls, removeAccepts, tablesInUse } from '../proxy/host/firewall.ts'

/** What of a route's removal is none: it went with its device. */
const absent = new Set(['ESRCH', 'ENODEV', 'ENETDOWN'])

/**
 * Removes what Weft has put into this process's network namespace; returns what was there, in words. Nothing of anybody else's is touched, settings of the kernel stay
 * as they are, and again is no error. An agent that runs would write it all anew.
 * @param dryRun only says what is there, also while an agent runs
 * @throws WeftError WRITER_LOCK_HELD, at once, while an agent runs here
 */
export async function cleanUpNode(signal?: AbortSignal, dryRun = false): Promise<string[]> {
  if (dryRun) return removeOurs(undefined, true)
  const lock = await takeWriterLock(0, signal)
  try {
    return removeOurs()
  } finally {
    lock.release()
  }
}

/** Without the lock, and in any namespace. Translations go first: what they led to is still let through until then. @throws KernelError */
export function removeOurs(namespace?: NetworkNamespace, dryRun = false): string[] {
  const from: From = { namespace, dryRun }
  return [...removeTables(from), ...removeAnchorRule(from), ...removeFirewallRules(from), ...removeRoutes(from)]
}

interface From {
  namespace: NetworkNamespace | undefined
  /** Nothing is removed. */
  dryRun: boolean
}

function* removeTables({ namespace, dryRun }: From): Generator<string> {
  for (const family of ['ip', 'ip6'] as const) {
    const there = new Set(listTables(family, namespace).map(({ name }) => name))
    for (const name of [...tableNames, anchorTable, probeTable]) {
      if (there.has(name) && (dryRun || deleteTable(family, name, namespace))) yield `table ${family} ${name}`
    }
  }
}

function* removeAnchorRule({ namespace, dryRun }: From): Generator<string> {
  if (!tablesInUse('ip', namespace).includes('nat')) return
  if (dryRun ? hasLegacy('ip', namespace) : removeLegacyAnchor(namespace)) yield 'the anchor in iptables-legacy'
}

function* removeFirewallRules({ namespace, dryRun }: From): Generator<string> {
  for (const { id, accepts } of readFirewalls(namespace)) {
    if (accepts.length === 0) continue
    if (!dryRun) removeAccepts(id, namespace)
    yield `${accepts.length} rules in chain ${id}`
  }
}

function* removeRoutes({ namespace, dryRun }: From): Generator<string> {
  const net = new KernelRouteNetlink(namespace)
  const routes = net.routes({ protocol: routeProtocols.fabric })
  const failures = dryRun ? [] : net.apply(routes.map((value) => ({ object: 'route', op: 'delete', value }) as const))
  const failed = new Map(failures.map(({ index, error }) => [index, error]))
  for (const [index, route] of routes.entries()) {
    const error = failed.get(index)
    if (error === undefined) yield `route ${route.dst}`
    else if (!absent.has(error.errnoName)) throw error
  }
}
