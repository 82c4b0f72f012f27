import { ApiLists } from '../daemon/lists.ts'
import { decodeFabricNode, type FabricView, makeFabricView } from '../fabric/view.ts'
import { lookup } from 'node:dns/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import { resourcePath } from '../kube/paths.ts'
import { canonicalIP, formatCIDR } from '../model/ip.ts'
import { defaultServiceConfig, type ServiceConfig } from '../proxy/config.ts'
import { type NodeFact, factKey } from '../proxy/facts.ts'
import { NodeFacts } from '../proxy/node-facts.ts'
import {
  decodeNode,
  decodeService,
  decodeServiceCIDR,
  decodeSlice,
  makeServiceView,
  type ServiceView,
} from '../proxy/view.ts'
import type { AgentConfig } from './config.ts'
import { nodeEligibility } from './node-eligibility.ts'
import { TriggerTimes } from './trigger-times.ts'

const discovery = 'discovery.k8s.io'

/** The view's stores and what fills them. */
export interface Sources {
  view: ServiceView
  /** Present when this agent makes the pod network. */
  fabric: FabricView | undefined
  /** Whether load balancers may send new connections to this node. */
  isNodeEligible: () => boolean
  /** When the causes of EndpointSlices' changes happened. */
  triggers: TriggerTimes
  /** Runs the reflectors until the signal; resolves when each has completed its first list. */
  start(signal: AbortSignal): Promise<void>
  /** Resources whose list or watch fails at the moment, with the last error. */
  failing(): Record<string, string>
}

/** @param apiServer URL of the agent's API connection. @param onError told once about each failure of a list or watch that says something new; they go on by themselves. */
export function makeSources(
  client: ApiClient,
  config: AgentConfig,
  apiServer: string,
  onError: (resource: string, message: string) => void,
): Sources {
  const view = makeView(config)
  const fabric =
    config.flannelBackend === 'none' ? undefined : makeFabricView(config.nodeName, config.clusterCIDRs.map(formatCIDR))
  const triggers = new TriggerTimes()
  triggers.forgetGone(view.slices)
  const own = nodeEligibility(config.nodeName)
  const pods = fabric === undefined ? [] : [{ store: fabric.nodes, decode: decodeFabricNode }]
  const lists = new ApiLists(client, onError)
    .add({ resource: 'services', store: view.services, decode: decodeService })
    .add({ resource: 'nodes', store: view.nodes, decode: decodeNode, also: [own, ...pods] })
    .add({ group: discovery, resource: 'endpointslices', store: view.slices, decode: triggers.noting(decodeSlice) })
  const withServiceCIDRs = async (signal: AbortSignal): Promise<void> => {
    if (await hasServiceCIDRs(client, signal)) {
      const store = view.serviceCIDRs
      lists.add({ group: 'networking.k8s.io', resource: 'servicecidrs', store, decode: decodeServiceCIDR })
    } else view.serviceCIDRs.replaceAll([])
  }
  return {
    view,
    fabric,
    isNodeEligible: own.isEligible,
    triggers,
    start: async (signal) => {
      const facts = new NodeFacts({ view, fixed: await apiFacts(apiServer) })
      facts.start()
      const lookAgain = setInterval(() => void followName(apiServer, facts), nameLookMs).unref()
      const stop = (): void => {
        clearInterval(lookAgain)
        facts.close()
      }
      signal.addEventListener('abort', stop, { once: true })
      await withServiceCIDRs(signal)
      await lists.start(signal)
    },
    failing: () => lists.failing(),
  }
}

/** The address and port that the agent's own connection to the API goes to. A name that is not known counts by its port alone. */
async function apiFacts(server: string): Promise<NodeFact[]> {
  const url = new URL(server)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const found = await lookup(host, { all: true }).catch(() => [])
  const addresses = found.flatMap(({ address }) => canonicalIP(address) ?? [])
  return [{ kind: 'api-port', port }, ...addresses.map((address): NodeFact => ({ kind: 'api', address, port }))]
}

/** The name of an API server may lead elsewhere later, or not be known yet when the node starts. */
const nameLookMs = 60_000

/** An answer without addresses changes nothing. */
async function followName(server: string, facts: NodeFacts): Promise<void> {
  const found = await apiFacts(server)
  if (found.some(({ kind }) => kind === 'api')) facts.setFixed(found)
}

/** Kubernetes has ServiceCIDR objects since 1.33; who may not read them goes by the flag. Asks until the API answers. */
async function hasServiceCIDRs(client: ApiClient, signal: AbortSignal): Promise<boolean> {
  const path = resourcePath({ group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' })
  for (;;) {
    try {
      await client.get(path, { limit: '1' }, { signal })
      return true
    } catch (error) {
      if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return false
      if (signal.aborted) throw error
      await delay(1000, undefined, { signal })
    }
  }
}

/** The stores of a view, empty; a benchmark fills them without an API. */
export function makeView(
  config: Partial<ServiceConfig> & Pick<ServiceConfig, 'nodeName'>,
  apiPort?: number,
): ServiceView {
  const { nodeName, ...settings } = defaults(config)
  const view = makeServiceView({ nodeName, ...settings })
  if (apiPort !== undefined) {
    const fact: NodeFact = { kind: 'api-port', port: apiPort }
    view.facts.set(factKey(fact), fact)
  }
  return view
}

/** Of an agent's configuration what Services are told, and of what it leaves out the defaults. */
function defaults(config: Partial<ServiceConfig> & Pick<ServiceConfig, 'nodeName'>): ServiceConfig {
  const own = defaultServiceConfig
  return {
    nodeName: config.nodeName,
    clusterCIDRs: config.clusterCIDRs ?? own.clusterCIDRs,
    serviceCIDRs: config.serviceCIDRs ?? own.serviceCIDRs,
    nodePortAddresses: config.nodePortAddresses ?? own.nodePortAddresses,
    masqueradeAll: config.masqueradeAll ?? own.masqueradeAll,
    detectLocal: config.detectLocal ?? own.detectLocal,
  }
}
