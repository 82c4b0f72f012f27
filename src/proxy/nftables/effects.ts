import type { Protocol } from '../../model/services.ts'
import type { Effect } from '../../reconcile/types.ts'

/** The kind of effect that follows from a change of Services: flows that the kernel keeps where no rule would send them any longer. */
export const forgetFlows = 'forget-flows'

/**
 * Which UDP flows to look at. Whoever runs the effect judges each of them by what is wanted at that moment, and forgets those that a new packet would not
 * be sent the same way: nothing here says that a flow is wrong.
 *
 * - `from`: flows whose reply comes from this endpoint (`address . port`, as the values of `endpoints`): it left a list.
 * - `to`: flows that were sent to this address and port (`address . port`, as in the keys of `services`): it newly came to a Service, whose flows have no
 *   translation yet, leads elsewhere now, or was given up.
 * - `to-node-port`: the same for a port on whatever address node ports are served (`port`, as in the keys of `nodeports`).
 * - `to-node`: the same for all node ports at an address on which they newly are served (an address, as in the keys of `nodeport_addrs`).
 *
 * The family is that of the reconciler whose effect it is.
 */
export type FlowSelector =
  | { select: 'from' | 'to'; protocol: Lowercase<Protocol>; at: string }
  | { select: 'to-node-port' | 'to-node'; protocol: Lowercase<Protocol>; at: string }

/** The key of an effect, e.g. `udp from 10.42.0.5 . 8080`, `udp to 10.43.0.10 . 53`, `udp to-node-port 30053`, `udp to-node 172.30.0.11`. */
export const flowKey = ({ select, protocol, at }: FlowSelector): string => `${protocol} ${select} ${at}`

/** The effect of forgetting what this selects. */
export const forgetting = (selector: FlowSelector): Effect => ({ kind: forgetFlows, key: flowKey(selector) })

/** The inverse of flowKey; undefined for a text that is none. */
export function parseFlowKey(key: string): FlowSelector | undefined {
  const match = /^(tcp|udp|sctp) (from|to|to-node-port|to-node) (.+)$/.exec(key)
  if (match === null) return undefined
  const [, protocol, select, at] = match as unknown as [string, 'udp', FlowSelector['select'], string]
  return { select, protocol, at }
}
