import type { Family } from '../../model/ip.ts'
import type { Listener } from './listeners.ts'
import type { Origins } from './origins.ts'
import type { RefusedPort } from './refusals.ts'
import type { Check, Claims, ClusterObjects } from './types.ts'

/**
 * What one part of Weft claims about traffic. To have verify try what a new part promises, add a file that exports one of these and a line
 * to `claim-sources.ts`; nothing else knows which parts there are.
 *
 * A source is pure: it turns facts into claims (from where, to where, how often, and what should come back) and into omissions
 * (what the objects claim that is not tried, and why). It judges by rules of its own, written from what Kubernetes documents, never by
 * calling the part. Trying, judging, trying once more, and reporting are the same for all.
 */
export interface ClaimSource {
  /** The part, e.g. `Services`. */
  readonly name: string
  /** The kinds of checks that it makes, in the order in which they are shown; each with why there may be nothing to try. */
  readonly checks: Readonly<Record<Check, string>>
  /** Facts that cost something to get; they are there only if some source names them. */
  readonly needs: readonly Need[]
  claims(facts: Facts): Claims
}

/** `listeners`: servers of verify's own on nodes and outside; `refusals`: what the agents say that they do not do. */
export type Need = 'listeners' | 'refusals'

/** All that claims are made from. */
export interface Facts {
  objects: ClusterObjects
  /** Where traffic can be sent from. */
  origins: Origins
  /** The lab's families, primary first. */
  families: readonly Family[]
  /** Addresses of the nodes' default gateways: they stay what they are, whatever a Service asks for. */
  gateways: readonly string[]
  /** Where the nodes reach the API: address and port stay what they are. */
  api: { address: string; port: number }
  /** The node that the router sends the Service ranges to; who answers does not depend on it, but whom to look at where nobody does. */
  gateway: string | undefined
  /** Where verify itself listens during the run. */
  listeners: readonly Listener[]
  refusals: readonly RefusedPort[]
  /** Addresses outside of the Service ranges that the router leads to a node during the run. */
  routed: readonly RoutedAddress[]
  /** Decides who is in a sample. */
  seed: number
}

/** An external address, and the node that the router sends its packets to. */
export interface RoutedAddress {
  address: string
  node: string
}
