import { removeLegacyAnchor } from '../kernel/nftables/anchor.ts'
import { anchorTable, probeTable, routeProtocols, tableNames } from '../kernel/names.ts'
import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { deleteTable } from '../kernel/nftables/ruleset.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { takeWriterLock } from '../kernel/writer-lock.ts'
import { readFirewalls, removeAccepts, tablesInUse } from '../proxy/host/firewall.ts'

/** What of a route's removal is none: it went with its device. */
const absent = new Set(['ESRCH', 'ENODEV', 'ENETDOWN'])

/**
 * Removes what Weft has put into this process's network namespace; returns what was there, in words. Nothing of anybody else's is touched, settings of the kernel stay
 * as they are, and again is no error. An agent that runs would write it all anew.
 * @throws WeftError WRITER_LOCK_HELD, at once, while an agent runs here
 */
export async function cleanUpNode(signal?: AbortSignal): Promise<string[]> {
  const lock = await takeWriterLock(0, signal)
  try {
    return removeOurs()
  } finally {
    lock.release()
  }
}

/** Without the lock, and in any namespace. Translations go first: what they led to is still let through until then. @throws KernelError */
export function removeOurs(namespace?: NetworkNamespace): string[] {
  return [
    ...removeTables(namespace),
    ...removeAnchorRule(namespace),
    ...removeFirewallRules(namespace),
    ...removeRoutes(namespace),
  ]
}

function* removeTables(namespace: NetworkNamespace | undefined): Generator<string> {
  for (const family of ['ip', 'ip6'] as const) {
    for (const name of [...tableNames, anchorTable, probeTable]) {
      if (deleteTable(family, name, namespace)) yield `table ${family} ${name}`
    }
  }
}

function* removeAnchorRule(namespace: NetworkNamespace | undefined): Generator<string> {
  if (tablesInUse('ip', namespace).includes('nat') && removeLegacyAnchor(namespace))
    yield 'the anchor in iptables-legacy'
}

function* removeFirewallRules(namespace: NetworkNamespace | undefined): Generator<string> {
  for (const { id, accepts } of readFirewalls(namespace)) {
    if (accepts.length === 0) continue
    removeAccepts(id, namespace)
    yield `${accepts.length} rules in chain ${id}`
  }
}

function* removeRoutes(namespace: NetworkNamespace | undefined): Generator<string> {
  const net = new KernelRouteNetlink(namespace)
  const routes = net.routes({ protocol: routeProtocols.fabric })
  const failures = net.apply(routes.map((value) => ({ object: 'route', op: 'delete', value }) as const))
  const failed = new Map(failures.map(({ index, error }) => [index, error]))
  for (const [index, route] of routes.entries()) {
    const error = failed.get(index)
    if (error === undefined) yield `route ${route.dst}`
    else if (!absent.has(error.errnoName)) throw error
  }
}
