import { ApiLists } from '../daemon/lists.ts'
import type { Log } from '../daemon/log.ts'
import type { RunnablePart } from '../daemon/run-part.ts'
import type { ApiClient } from '../kube/client.ts'
import type { ControllerConfig } from './config.ts'
import { podCIDRs } from './pod-cidrs/index.ts'
import { decodeRangedNode, makePodCIDRView } from './pod-cidrs/view.ts'

/** What the parts of a controller are made of. */
export interface PartContext {
  config: ControllerConfig
  client: ApiClient
  /** Ends all writes. */
  signal: AbortSignal
  log: Log
  /** False in a dry run, which has nothing to tell. */
  logged: boolean
}

/** Parts, and the lists that they wait for. */
export interface ControllerParts {
  lists: ApiLists
  parts: RunnablePart[]
}

/**
 * The parts of a controller; one block each. Made anew for each term: a leader must know all that the one before it has written, so it begins with lists of its
 * own.
 */
export function makeParts({ config, client, signal, log, logged }: PartContext): ControllerParts {
  const logging = logged ? { log } : {}
  const lists = new ApiLists(client, (list, error) =>
    log('warn', `cannot list or watch ${list}; what was assigned stays`, { error }),
  )
  const parts: RunnablePart[] = []
  if (config.podCIDRs !== undefined) {
    const view = makePodCIDRView(config.podCIDRs.ranges, config.podCIDRs.serviceCIDRs)
    lists.add({ resource: 'nodes', store: view.nodes, decode: decodeRangedNode })
    parts.push(podCIDRs({ view, client, signal, ...logging }))
  }
  return { lists, parts }
}
