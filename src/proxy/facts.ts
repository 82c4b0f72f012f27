/** What is true of this node and does not come from the API. Facts enter the same queue as objects: a keyed change each. */
export type NodeFact =
  /** An address of a device of this node that is not link-local. */
  | { kind: 'address'; address: string; device: string }
  /** The broadcast address of a network that a device of this node is in, and the network's own (RFC 919 §7, RFC 1122 §3.3.6). */
  | { kind: 'broadcast'; address: string; device: string }
  /** The next hop of a route, of the default one above all. */
  | { kind: 'gateway'; address: string }
  /** One of the name servers that the node asks (resolv.conf), or that its own resolver asks. */
  | { kind: 'name-server'; address: string }
  /** Where the agent's own connection to the API goes. */
  | { kind: 'api'; address: string; port: number }
  /** The port of the agent's API connection, whatever the address. */
  | { kind: 'api-port'; port: number }
  /** A TCP port at which sshd listens. */
  | { kind: 'sshd'; port: number }
  /** A UDP port at which a tunnel's device of this node gets what other nodes send it. */
  | { kind: 'tunnel'; device: string; of: 'vxlan' | 'geneve' | 'WireGuard'; port: number }

/** The key of a fact in the view's store. */
export const factKey = (fact: NodeFact): string => {
  const address = 'address' in fact ? ` ${fact.address}` : ''
  const device = 'device' in fact ? ` ${fact.device}` : ''
  return `${fact.kind}${address}${device}${'port' in fact ? ` ${fact.port}` : ''}`
}
