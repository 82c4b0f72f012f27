import { decodeFabricNode, type FabricView, makeFabricView } from '../fabric/view.ts'
import { unlessAborted } from '../kube/abort.ts'
import type { ApiClient } from '../kube/client.ts'
import { resourcePath } from '../kube/paths.ts'
import { Reflector } from '../kube/reflector.ts'
import { ObjectStore } from '../kube/store.ts'
import type { EndpointSlice } from '../model/endpoints.ts'
import { formatCIDR } from '../model/ip.ts'
import type { Service } from '../model/services.ts'
import {
  bySlicesService,
  decodeNode,
  decodeService,
  decodeSlice,
  type NodeAddresses,
  type ServiceView,
  slicesServiceOf,
} from '../proxy/view.ts'
import type { AgentConfig } from './config.ts'

/** The view's stores and what fills them. */
export interface Sources {
  view: ServiceView
  /** Present when this agent makes the pod network. */
  fabric: FabricView | undefined
  /** Runs the reflectors until the signal; resolves when each has completed its first list. */
  start(signal: AbortSignal): Promise<void>
  /** Resources whose list or watch fails at the moment, with the last error. */
  failing(): Record<string, string>
}

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** @param onError told once about each failure of a list or watch that says something new; they go on by themselves. */
export function makeSources(
  client: ApiClient,
  config: AgentConfig,
  apiPort: number | undefined,
  onError: (resource: string, message: string) => void,
): Sources {
  const view = makeView(config, apiPort)
  const fabric =
    config.flannelBackend === 'none' ? undefined : makeFabricView(config.nodeName, config.clusterCIDRs.map(formatCIDR))
  const reflectors = new Map<string, { reflector: Reflector<any>; lastError: string }>()
  const lists: Promise<void>[] = []
  const reflect = <T>(
    resource: string,
    group: string,
    store: ObjectStore<T>,
    decode: Decode<T>,
    name = resource,
  ): void => {
    const path = resourcePath({ ...(group === '' ? {} : { group }), version: 'v1', resource })
    const entry = { lastError: '', reflector: undefined as unknown as Reflector<T> }
    entry.reflector = new Reflector<T>({
      client,
      path,
      store,
      decode,
      onError: (error) => {
        const message = error instanceof Error ? error.message : String(error)
        if (message !== entry.lastError || entry.reflector.state.failures <= 1) onError(resource, message)
        entry.lastError = message
      },
    })
    reflectors.set(name, entry)
    lists.push(firstList(store))
  }
  reflect('services', '', view.services, decodeService)
  reflect('nodes', '', view.nodes, decodeNode)
  reflect('endpointslices', 'discovery.k8s.io', view.slices, decodeSlice)
  if (fabric !== undefined) reflect('nodes', '', fabric.nodes, decodeFabricNode, 'nodes (pod network)')
  return {
    view,
    fabric,
    start: async (signal) => {
      for (const { reflector } of reflectors.values()) void reflector.run(signal)
      await unlessAborted(Promise.all(lists), signal)
    },
    failing: () => {
      const failing = [...reflectors].filter(([, { reflector }]) => reflector.state.failures > 0)
      return Object.fromEntries(failing.map(([resource, { lastError }]) => [resource, lastError]))
    },
  }
}

type Decode<T> = (raw: any) => { key: string; value: T } | undefined

/** The stores of a view, empty; a benchmark fills them without an API. */
export function makeView(
  config: Pick<AgentConfig, 'nodeName' | 'clusterCIDRs' | 'serviceCIDRs'>,
  apiPort?: number,
): ServiceView {
  return {
    services: new ObjectStore<Service>({ equal: sameJson }),
    slices: new ObjectStore<EndpointSlice>({ equal: sameJson, indexes: { [bySlicesService]: slicesServiceOf } }),
    nodes: new ObjectStore<NodeAddresses>({ equal: sameJson }),
    nodeName: config.nodeName,
    clusterCIDRs: config.clusterCIDRs,
    serviceCIDRs: config.serviceCIDRs,
    apiPort,
  }
}

function firstList<T>(store: ObjectStore<T>): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.onChange(() => {
      stop()
      resolve()
    })
  })
}
