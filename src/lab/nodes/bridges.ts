import { isExists } from '../../kernel/errors.ts'
import type { NetworkNamespace } from '../../kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import type { Conflist } from './cni-conflist.ts'

/** A locally administered one (IEEE 802). Each node's bridge is a segment of its own; a bridge that is made again is known to its pods. */
export const bridgeAddress = '02:57:46:54:ff:ff'

/** What the plugin takes where its configuration names none (containernetworking/plugins, bridge). */
const usualBridge = 'cni0'

/**
 * Makes the bridges of a network before its plugins do. Left to itself a bridge has the lowest address of its ports, until one is set (br_stp_recalculate_bridge_id). The
 * plugin sets the one that it has just seen: of several that run at once each may have seen another, and pods are told of one that no longer holds.
 *
 * @param namespace absent: this process's own
 * @throws KernelError
 */
export function makeBridges({ plugins }: Conflist, namespace?: NetworkNamespace): void {
  const names = plugins.flatMap(({ type, bridge, vlan }) => {
    // VLAN filtering is switched on by who makes the bridge, and by nobody else.
    if (type !== 'bridge' || vlan !== undefined) return []
    return typeof bridge === 'string' ? bridge : usualBridge
  })
  const netlink = new KernelRouteNetlink(namespace)
  const changes = names.map((name) => {
    const value = { kind: 'bridge', name, address: bridgeAddress } as const
    return { object: 'link', op: 'add', value } as const
  })
  const failure = netlink.apply(changes).find(({ error }) => !isExists(error))
  if (failure !== undefined) throw failure.error
}
