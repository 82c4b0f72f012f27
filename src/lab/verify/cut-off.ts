import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import type { Link } from '../../kernel/rtnetlink/types.ts'
import type { LabState } from '../state.ts'
import type { Claim } from './types.ts'

/** The link that joins each namespace of a lab to the others. */
const uplink = 'eth0'

/** A place of a lab that no packet reaches or leaves. */
export interface CutOff {
  /** e.g. `node1`, `the router` */
  name: string
  /** What cuts it off, with what puts it right. */
  why: string
}

/** Nodes that are cut off, and router and client: nobody has to wait for answers to learn that. */
export function cutOff({ nodes, router, client }: Pick<LabState, 'nodes' | 'router' | 'client'>): CutOff[] {
  const places = [...nodes, { name: 'the router', ...router }, { name: 'the client', ...client }]
  return places.flatMap(({ name, netns }) => {
    const why = whyCutOff(netns)
    return why === undefined ? [] : { name, why }
  })
}

/**
 * Whether a claim cannot hold, since packets would have to reach or leave a node that is cut off. An answer is waited for as long as ever where there is any way to one
 * that decides.
 */
export function crosses({ origin, via, expectation }: Claim, nodes: ReadonlySet<string>): boolean {
  const own = origin.kind === 'outside' ? undefined : origin.node
  const isBetween = (from: string | undefined, to: string | undefined): boolean =>
    from !== to && [from, to].some((node) => node !== undefined && nodes.has(node))
  if (expectation.kind === 'api') return own !== undefined && nodes.has(own)
  if (expectation.kind !== 'answers') return false
  const here = via ?? own
  if (isBetween(own, here)) return true
  const { backends, spread } = expectation
  const beyond = backends.filter(({ node }) => isBetween(here, node))
  return spread === 'all' ? beyond.length > 0 : beyond.length === backends.length
}

function whyCutOff(netns: string): string | undefined {
  const links = linksOf(netns)
  const link = links?.find(({ name }) => name === uplink)
  if (links === undefined || (link?.up && link.carrier)) return undefined
  if (link === undefined) return `it has no ${uplink}`
  if (!link.up) return `its ${uplink} is down ('ip -n ${netns} link set ${uplink} up')`
  return `the other end of its ${uplink} is down`
}

/** undefined for a namespace that is gone: others say so. */
function linksOf(netns: string): Link[] | undefined {
  try {
    const namespace = NetworkNamespace.named(netns)
    try {
      return new KernelRouteNetlink(namespace).links()
    } finally {
      namespace.close()
    }
  } catch {
    return undefined
  }
}
