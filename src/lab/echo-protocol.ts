/**
 * What a lab's echo server says about a request that reached it.
 *
 * - TCP: HTTP/1.1; GET (or any method) on any path is answered with 200, `content-type: application/json` and this object as
 *   the body. The server honours `connection: close` and otherwise keeps the connection.
 * - UDP: any datagram is answered with one datagram that holds this object as JSON.
 * - SCTP, where the kernel has it: any message of an association is answered with one that holds this object as JSON.
 *
 * Addresses are written as Linux prints them (no IPv4-mapped IPv6); the four address fields are those of the accepted
 * socket, thus after every translation on the way in.
 */
export interface EchoReply {
  /** metadata.name of the pod that answered. */
  pod: string
  /** metadata.namespace of the pod that answered. */
  namespace: string
  /** spec.nodeName of the pod that answered. */
  node: string
  /** The pod's own address (status.podIP). */
  podIP: string
  protocol: 'TCP' | 'UDP' | 'SCTP'
  /** Where the connection or datagram arrived. */
  localAddress: string
  localPort: number
  /** Where it came from, as the pod saw it. */
  clientAddress: string
  clientPort: number
  /** Request target of HTTP, `''` otherwise. */
  path: string
  /** Method of HTTP, `''` otherwise. */
  method: string
  /** Header fields of HTTP, names in lower case; empty otherwise. */
  headers: Record<string, string>
}

/**
 * Reads a body or datagram as an echo reply.
 *
 * @returns undefined where it is anything else: something answered that is no echo server.
 */
export function parseEchoReply(text: string): EchoReply | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isEchoReply(value) ? value : undefined
}

function isEchoReply(value: unknown): value is EchoReply {
  if (typeof value !== 'object' || value === null) return false
  const reply = value as Partial<EchoReply>
  const texts = [reply.pod, reply.namespace, reply.podIP, reply.localAddress, reply.clientAddress]
  const numbers = [reply.localPort, reply.clientPort]
  return texts.every((text) => typeof text === 'string') && numbers.every((number) => typeof number === 'number')
}
