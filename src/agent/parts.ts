import type { Log } from '../daemon/log.ts'
import type { RunnablePart } from '../daemon/run-part.ts'
import { hostGateway } from '../fabric/host-gw/index.ts'
import type { Family } from '../model/ip.ts'
import { servedFamilies } from '../proxy/families.ts'
import { proxyHost } from '../proxy/host/index.ts'
import { nftablesProxy } from '../proxy/nftables/index.ts'
import type { AgentConfig } from './config.ts'
import type { Sources } from './sources.ts'
import { networkProgramming } from './trigger-times.ts'

/** What parts are made of. */
export interface PartContext {
  config: AgentConfig
  sources: Sources
  /** uid of the namespace kube-system. */
  clusterUid: string
  /** Absent in a dry run, which has nothing to tell. */
  log?: Log
}

/** The parts of an agent; one line each. */
export function makeParts({ config, sources, clusterUid, log }: PartContext): RunnablePart[] {
  const { view, fabric } = sources
  const logging = log === undefined ? {} : { log }
  const proxy = (family: Family): RunnablePart => {
    const part = nftablesProxy({ view, family, clusterUid, tableOwner: config.tableOwner, ...logging })
    const measured = networkProgramming(part.reconciler, view, family, sources.triggers)
    return { ...part, proxyFamily: family, networkProgramming: measured, minIntervalMs: config.minSyncPeriodMs }
  }
  const network = fabric === undefined ? [] : [hostGateway({ view: fabric, ...logging })]
  if (config.disableKubeProxy) return network
  const families = servedFamilies(view)
  const { clusterCIDRs, conntrackSysctls: sysctls } = config
  return [...network, proxyHost({ families, clusterCIDRs, sysctls, ...logging }), ...families.map(proxy)]
}
